// `npm run check`: format and lint, types, and the tests that need no database. All of them run, also after a failure.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { readOptions } from './usage.mjs';

const { values } = readOptions(
  `Usage: npm run check [-- options]

Checks format, lint and types, and runs the tests that need no database. A failed check does not stop the others.

  --without-tests   only format, lint and types`,
  { options: { 'without-tests': { type: 'boolean', default: false } } },
);
const begin = performance.now();
const { problems } = await bootstrap({ allowProblems: true });
const built = { name: 'build', code: problems === '' ? 0 : 1, output: problems, seconds: since(begin) };
const modules = join(ROOT, 'node_modules');
const steps = [
  ['format and lint', ['check', '--error-on-warnings', '.'], join(modules, '@biomejs/biome/bin/biome')],
  [
    'types',
    // Its own memory: dist's covers src alone.
    ['--noEmit', '--incremental', '--tsBuildInfoFile', join(modules, '.afd-check.tsbuildinfo'), '--pretty', 'false'],
    join(modules, 'typescript/bin/tsc'),
  ],
];
const tests = ['run', '--project', 'unit', '--passWithNoTests'];
if (!values['without-tests']) steps.push(['tests without a database', tests, join(modules, 'vitest/vitest.mjs')]);

// At once, since each has one core's worth of work; their words come one after the other.
const outcomes = [built, ...(await Promise.all(steps.map(run)))];
for (const { name, code, output } of outcomes) {
  if (code !== 0) console.log(`\n--- ${name} ---\n${output.trim()}`);
}
console.log('');
for (const { name, code, seconds } of outcomes)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
console.log(`${since(begin)} s`);
process.exitCode = outcomes.some(({ code }) => code !== 0) ? 1 : 0;

function run([name, args, script]) {
  const begun = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
      });
    }
    child.once('close', (code) => resolve({ name, code: code ?? 1, output, seconds: since(begun) }));
  });
}

function since(moment) {
  return ((performance.now() - moment) / 1000).toFixed(1);
}
