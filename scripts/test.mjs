// `npm test`: all that a change can break, on one server. What runs where stands in vitest.config.ts.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { endChildOnSignals, interruption, runTests, told } from './run-tests.mjs';
import { serverForTests } from './server-for-tests.mjs';
import { refuse } from './usage.mjs';
import { refuseUnknownOptions } from './vitest-options.mjs';

const USAGE = `Usage: npm test [-- files and options of vitest]

  npm test                              all tests, on a private server that is removed afterwards
  npm test -- test/db/claim             the tests of one folder or file
  npm test -- -t 'the name of a test'   the tests with this name
  npm test -- --changed                 the tests that a change since the last commit touches; --changed=REF: since REF

AFD_TEST_DATABASE_URL names another server; its account must be allowed to create schemas named afd_%. For the options of
vitest: npx vitest --help. Everything, on every server: npm run proof.`;
/** What no import tells: tests that run the built program, or read other files than sources. */
const READ_BY = [
  [/^src\/(commands|cli)\//, 'test/commands'],
  [/^src\//, 'test/architecture'],
  [/^(src|docs|examples|README|CHANGELOG|package\.json)/, 'test/contracts'],
  [/^(migrations|src\/core\/db\/migrate)\//, 'test/db/migrations'],
];

const given = process.argv.slice(2);
if (given.some((word) => word === '--help' || word === '-h')) {
  console.log(USAGE);
  process.exit(0);
}
endChildOnSignals();
await bootstrap();
refuseUnknownOptions(given, USAGE);
const changed = given.find((word) => word === '--changed' || word.startsWith('--changed='));
const args = changed === undefined ? given : related(changed.split('=')[1] ?? 'HEAD');
const outcome = await runTests({ projects: ['unit', 'db', 'serial'], args, env: await serverForTests() });
const { passed, failed, processor } = outcome;
const lines = [...told(outcome), `${passed} passed, ${failed} failed`];
console.log(['', ...lines].join('\n'));
// For a caller that has more to count (.ci/run).
const { AFD_TEST_SUMMARY: summary } = process.env;
if (summary !== undefined)
  writeFileSync(summary, `${[`processor ${Math.round(processor ?? 0)}`, ...lines].join('\n')}\n`);
process.exitCode = interruption() ?? (failed > 0 || passed === 0 ? 1 : 0);

/** The arguments that run what these changes touch. */
function related(ref) {
  const git = (...words) => spawnSync('git', words, { cwd: ROOT, encoding: 'utf8' });
  const { status, stdout, stderr } = git('diff', '--name-only', '--diff-filter=d', ref, '--');
  if (status !== 0) refuse(USAGE, `--changed: git cannot compare with ${ref}: ${stderr.split('\n', 1)[0]}`);
  const fresh = git('ls-files', '--others', '--exclude-standard').stdout;
  const files = `${stdout}${fresh}`.split('\n').filter((file) => file !== '');
  if (files.length === 0) {
    console.log(`Nothing has changed since ${ref}.`);
    process.exit(0);
  }
  const folders = READ_BY.filter(([pattern]) => files.some((file) => pattern.test(file))).map(([, folder]) => folder);
  const readers = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => join(folder, file)),
  );
  const others = given.filter((word) => word !== changed);
  return ['related', ...new Set([...files, ...readers].filter((file) => existsSync(join(ROOT, file)))), ...others];
}
