// One run of vitest, for `npm test` and the parts of `npm run proof`: what passed, failed and was skipped, and what it cost.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './bootstrap.mjs';

export const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 };
let child;
let interrupted;

/** Exit code after a signal; undefined = there was none. */
export const interruption = () => interrupted && CODES[interrupted];

/** From now on a signal ends the child, which removes what it has made, and not this process. */
export function endChildOnSignals() {
  for (const signal of Object.keys(CODES)) {
    process.on(signal, () => {
      interrupted ??= signal;
      // Ctrl-C reaches the child as well, and a second one would end it before it has removed its server.
      if (signal === 'SIGINT') setTimeout(() => child?.kill('SIGTERM'), 5000).unref();
      else child?.kill('SIGTERM');
    });
  }
}

/**
 * Runs a program to its end. `seconds` of wall time; `processor` seconds of it and its descendants, null where the system does
 * not tell. `output` is its last lines if they are kept.
 */
export async function run(program, args, { env = process.env, keep = false } = {}) {
  const [begun, before] = [performance.now(), childrenProcessorSeconds()];
  let output = '';
  const code = await new Promise((resolve) => {
    child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', keep ? 'pipe' : 'inherit', 'inherit'] });
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      output = (output + text).slice(-4000);
    });
    child.once('error', (error) => {
      console.error(`${program} cannot be run: ${error.message}`);
      resolve(127);
    });
    child.once('close', (status, signal) => resolve(status ?? CODES[signal] ?? 1));
  });
  child = undefined;
  const after = childrenProcessorSeconds();
  return {
    code,
    output,
    seconds: (performance.now() - begun) / 1000,
    processor: after === null ? null : after - before,
  };
}

/** Runs these projects of vitest. `failed` is at least 1 where vitest itself has ended with an error. */
export async function runTests({ projects = [], args = [], env = {} }) {
  const scratch = mkdtempSync(join(tmpdir(), 'afd-test-run-'));
  const [report, cost] = [join(scratch, 'report.json'), join(scratch, 'server-cost')];
  // `vitest related FILE…` or `vitest run`.
  const [verb, ...words] = args[0] === 'related' ? ['related', '--run', ...args.slice(1)] : ['run', ...args];
  const chosen = projects.flatMap((name) => ['--project', name]);
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'scripts/test-reporter.mjs')}`];
  const { code, seconds, processor } = await run(
    process.execPath,
    [VITEST, verb, ...chosen, ...reporters, '--passWithNoTests', ...words],
    { env: { ...quietEnvironment(), ...env, AFD_TEST_REPORT: report, AFD_TEST_SERVER_COST: cost } },
  );
  let found = { passed: 0, failures: [], skips: [], files: [] };
  if (existsSync(report)) found = JSON.parse(readFileSync(report, 'utf8'));
  const { failures } = found;
  if (interrupted !== undefined) failures.push(`ended by ${interrupted}`);
  else if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code}`);
  const server = existsSync(cost) ? Number(readFileSync(cost, 'utf8')) : 0;
  rmSync(scratch, { recursive: true, force: true });
  return { ...found, failed: failures.length, seconds, processor: processor === null ? null : processor + server };
}

/** What a person wants to know of such a run: where its time went, what was skipped and why, what failed. */
export function told({ files, skips, failures, seconds, processor }) {
  const slowest = files.toSorted(([, a], [, b]) => b - a).slice(0, 10);
  const times = slowest.map(([file, time]) => `  ${time.toFixed(1).padStart(5)} s  ${file}`);
  return [
    ...(times.length > 1 ? ['The slowest files:', ...times] : []),
    ...skipped(skips),
    ...failures.map((one) => `  FAILED   ${one}`),
    `${Math.round(seconds)} s${processor === null ? '' : `, ${Math.round(processor)} processor seconds`}`,
  ];
}

/** One line for all tests of a file that are skipped for one reason. */
function skipped(skips) {
  const counts = new Map();
  for (const { test, needs = '-', reason } of skips) {
    const line = `[${needs}] ${test.split(' > ', 1)[0]}: ${reason}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => `  skipped  ${count} ${line}`);
}

/** Nothing that configures afd may reach the tests from outside. */
function quietEnvironment() {
  const ours = /^(AFD_|MYSQL_|DISTRIBUTION_MODE$|MASTER_HOST$|DEVICE_ID$|NODE_ENV$)/;
  const kept = /^(AFD_TEST_|AFD_SERVER_FOLDERS$|AFD_TEST_REAL_MYSQL$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name) || kept.test(name)));
}

/** Of the children that have ended, and of theirs (proc(5): cutime, cstime; 100 in a second on every Linux). */
function childrenProcessorSeconds() {
  try {
    const text = readFileSync('/proc/self/stat', 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return null;
  }
}
