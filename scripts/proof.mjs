// `npm run proof`: everything that is proved of afd, in parts. `.ci/run` runs the parts that stand before each change (--gate).
// What a part has found is kept in .afd/proof.json until the code changes, so that a proof which was interrupted goes on.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { PARTS } from './proof-parts.mjs';
import { endChildOnSignals, interruption } from './run-tests.mjs';
import { readOptions, refuse } from './usage.mjs';

const USAGE = `Usage: npm run proof [-- options]

Runs everything that is proved of afd, part after part, and writes the result to docs/explain/proof.md. A proof that was
interrupted goes on with the parts that have not passed, as long as no file but the documentation changes.

  --part NAMES   only these parts, comma-separated
  --gate         only the parts that each change must pass (.ci/run); nothing is written
  --fresh        forget what an earlier run has proved
  --list         print the parts

Exit code 0 = all parts passed; 1 = one failed; 3 = one did not run, or not wholly (the summary says why).`;
const flag = { type: 'boolean', default: false };
const { values } = readOptions(USAGE, { options: { part: { type: 'string' }, gate: flag, fresh: flag, list: flag } });
if (values.list) {
  for (const { name, what, gate } of PARTS) console.log(`${name.padEnd(14)} ${what}${gate ? ' [gate]' : ''}`);
  process.exit(0);
}
const names = values.part?.split(',');
const unknown = names?.filter((name) => !PARTS.some((one) => one.name === name)) ?? [];
if (unknown.length > 0)
  refuse(USAGE, `There is no part "${unknown[0]}". The parts are ${PARTS.map((one) => one.name).join(', ')}`);
const chosen = PARTS.filter(
  ({ name, gate }) => (values.gate ? gate : true) && (names === undefined || names.includes(name)),
);

endChildOnSignals();
await bootstrap();
const STATE = join(ROOT, '.afd/proof.json');
const code = codeNow();
const proved = values.gate || values.fresh ? {} : earlier();
for (const part of chosen) {
  if (interruption() !== undefined) break;
  // Naming a part runs it again.
  if (names === undefined && proved[part.name]?.result === 'passed') continue;
  console.error(`\n##### ${part.name}: ${part.what}`);
  const begun = performance.now();
  const outcome = await part.run();
  if (interruption() !== undefined) break;
  proved[part.name] = { ...outcome, seconds: Math.round((performance.now() - begun) / 1000), commit: commit() };
  if (!values.gate) keep();
}
finish();

/** `{ code, parts }` of the run before, if it was about the same code. */
function earlier() {
  try {
    const kept = JSON.parse(readFileSync(STATE, 'utf8'));
    return kept.code === code ? kept.parts : {};
  } catch {
    return {};
  }
}

function keep() {
  mkdirSync(join(ROOT, '.afd'), { recursive: true });
  writeFileSync(STATE, JSON.stringify({ code, parts: proved }, null, 2));
}

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** A hash of all files but the documentation, committed or not. */
function codeNow() {
  const but = ['--', '.', ':!docs', ':!*.md'];
  const parts = [
    git('ls-files', '-s', ...but),
    git('diff', ...but),
    git('ls-files', '-o', '--exclude-standard', ...but),
  ];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

function commit() {
  return `${git('rev-parse', '--short', 'HEAD').trim()}${git('status', '--porcelain', '--', '.', ':!docs') === '' ? '' : ' and changes'}`;
}

function finish() {
  const rows = chosen.map(({ name, what }) => {
    const left = {
      result: 'not run',
      figures: interruption() === undefined ? 'it was not reached' : 'the run was ended before',
    };
    const { result, figures, seconds, notes = [], commit: of = '' } = proved[name] ?? left;
    return { name, what, result, figures, seconds, notes, of };
  });
  console.log('\nSummary:');
  for (const { name, result, figures, seconds, notes } of rows) {
    const time = seconds === undefined ? '' : ` in ${seconds} s`;
    console.log(`  ${result.padEnd(8)} ${name}${time}: ${figures}`);
    for (const note of notes) console.log(`             ${note}`);
  }
  const count = (result) => rows.filter((one) => one.result === result).length;
  const [failed, incomplete] = [count('failed'), count('not run') + count('partly')];
  if (!values.gate && names === undefined) write(rows);
  const tests = rows.reduce((sum, { name }) => sum + (proved[name]?.passed ?? 0), 0);
  const bad = rows.reduce((sum, { name }) => sum + (proved[name]?.failed ?? 0), 0);
  if (incomplete > 0) console.log(`${incomplete} of ${rows.length} parts did not run, or not wholly.`);
  console.log(`${tests} passed, ${bad} failed`);
  process.exitCode = interruption() ?? (failed + bad > 0 ? 1 : incomplete > 0 && !values.gate ? 3 : 0);
}

function write(rows) {
  const file = join(ROOT, 'docs/explain/proof.md');
  const page = readFileSync(file, 'utf8');
  const cell = (text) => String(text).replaceAll('|', '\\|');
  const lines = rows.map(
    ({ name, what, result, figures, seconds, of }) =>
      `| ${[name, what, result, figures, seconds === undefined ? '' : `${seconds} s`, of].map(cell).join(' | ')} |`,
  );
  const block = [
    `Last run on ${new Date().toISOString().slice(0, 10)}, commit \`${commit()}\`:`,
    '',
    '| part | proves | result | figures | time | commit |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
  const [begin, end] = ['<!-- proof -->', '<!-- /proof -->'];
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  writeFileSync(file, `${page.slice(0, from)}\n\n${block}\n\n${page.slice(to)}`);
}
