// `npm test`: everything, on every server that can be had. One leg = one server. Arguments go to vitest:
//   npm test -- test/db/claim
// Legs: a private MariaDB (or MySQL) that this run starts and removes; another one on which every global is unusual (test/helpers/
// hostile.ts), for the tests through which every statement and every kind of session goes; then whatever these variables name, with an
// account that may create and drop schemas named afd_%: AFD_TEST_MYSQL_URL, AFD_TEST_DATABASE_URL. Where no server program can be had,
// AFD_DATABASE_URL stands in for the private server; only schemas named afd_test_… are touched on it.
// On each leg what starts a server of its own starts one of the leg's kind (test/helpers/mysql-programs.ts).
// The summary names each test that was skipped, its reason, and in brackets what would have to be there ('-' = nothing: it is
// not for this leg). A test that is skipped without a reason is a failure.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { refuse } from './usage.mjs';

/** For a leg that hangs: on two busy cores the first one takes up to half an hour. */
const LEG_LIMIT_MS = 45 * 60_000;
const ALL = ['unit', 'db', 'serial', 'cluster'];
/**
 * Files of `db` whose subject is a process, a listener or a key, and whose statements other files send on each server as well: the
 * first server alone runs them.
 */
const ONCE = [
  ...['attack', 'device-certificates', 'https', 'limits', 'openid', 'processes'].map(
    (name) => `integration/gateway/${name}.test.ts`,
  ),
  ...['guide', 'proxies', 'security-guide', 'stop'].map((name) => `integration/gateway/${name}.test.ts`),
  ...['blocked', 'isolation', 'payload-memory'].map((name) => `integration/worker/${name}.test.ts`),
  ...['ring/**', 'services.test.ts', 'run-log-process.test.ts'].map((name) => `integration/${name}`),
  ...['start', 'worker-drain'].map((name) => `commands/${name}.test.ts`),
];
/**
 * Files that the hostile server, which is the private one again, has no part in either: their servers are their own, their sessions
 * (the examples') believe their server, their rows or counts are the same on every server, or they are about processes, and other files
 * send their statements through the same kinds of session.
 */
const NOT_HOSTILE = [
  ...['server/**', 'tls-server.test.ts', 'examples/**', 'remote/**'].map((name) => `integration/${name}`),
  ...['budgets', 'odd-devices', 'odd-rows', 'silent-server'].map((name) => `integration/${name}.test.ts`),
  ...['worker-ends', 'worker-process', 'worker-report'].map((name) => `integration/${name}.test.ts`),
  ...['device-enrolment', 'people', 'task-export', 'task-logs'].map((name) => `integration/gateway/${name}.test.ts`),
  ...['bench', 'canaries', 'json-shapes', 'secrets', 'users'].map((name) => `commands/${name}.test.ts`),
  ...['db/migrations/interrupted.test.ts', 'integration/webhooks/webhook-fleet.test.ts'],
];
const without = (files) => files.flatMap((file) => ['--exclude', `test/${file}`]);
const HOSTILE = { projects: ['db'], args: without([...ONCE, ...NOT_HOSTILE]) };
const USAGE = `Usage: npm test [-- files and options of vitest]

  npm test                              all tests, on every available server
  npm test -- test/db/claim             the tests of one folder or file
  npm test -- -t 'the name of a test'   the tests with this name

AFD_TEST_MYSQL_URL and AFD_TEST_DATABASE_URL add servers to test on; their accounts must be allowed to create schemas named
afd_%. For the options of vitest: npx vitest --help`;
const vitestArguments = process.argv.slice(2);
if (vitestArguments.some((word) => word === '--help' || word === '-h')) {
  console.log(USAGE);
  process.exit(0);
}
let interrupted;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted ??= signal;
    // Ctrl-C reaches vitest as well, and a second one would end it before it has removed its server.
    if (signal === 'SIGINT') setTimeout(() => child?.kill('SIGTERM'), 5000).unref();
    else child?.kill('SIGTERM');
  });
}
let child;

await bootstrap();
refuseUnknownOptions();
installHelpers();
const scratch = mkdtempSync(join(tmpdir(), 'afd-test-run-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const legs = await findLegs();
const results = [];
for (const leg of legs) {
  if (leg.skip !== undefined || interrupted !== undefined) {
    results.push({ ...leg, skip: leg.skip ?? `the run was ended by ${interrupted}` });
    continue;
  }
  console.error(`\n=== ${leg.name} ===`);
  // What needs no database is run once.
  const first = results.every((one) => one.skip !== undefined);
  const { projects = first ? ALL : ['db', 'serial'], args = first ? [] : without(ONCE) } = leg;
  results.push({ ...leg, partly: args.length > 0, ...(await runLeg(leg, projects, args)) });
}
finish(results);

/** vitest shows a stack for an option that it does not know; its own help says which it does. */
function refuseUnknownOptions() {
  const options = vitestArguments.filter((word) => word.startsWith('-') && word !== '--');
  if (options.length === 0) return;
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { stdout } = spawnSync(process.execPath, [vitest, '--help'], { encoding: 'utf8' });
  const known = new Set(
    [...stdout.matchAll(/^ +(?:(-\w), )?--([\w-]+)/gm)].flatMap(([, short, long]) => [short, plain(long)]),
  );
  const unknown = options.filter((word) => !known.has(/^-\w/.test(word) ? word.slice(0, 2) : plain(word)));
  if (unknown.length > 0) refuse(USAGE, `There is no option ${unknown.join(', ')}.`);
}

/** `--no-test-name-pattern=x`, `--coverage.enabled` → the name as vitest's help has it. */
function plain(word) {
  const name = word.replace(/^--/, '').replace(/^no-/, '').split(/[=.]/)[0];
  return name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
}

/**
 * Debian packages without which some tests are skipped (and say so): libfaketime moves the clock of a node, PyMySQL runs the
 * example in Python, nginx and HAProxy stand before a gateway, Chromium opens what a gateway answers. Only where apt-get may be
 * used without asking anybody.
 */
function installHelpers() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const missing = [];
  const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
    (one) => `/usr/lib/${one}/faketime/libfaketimeMT.so.1`,
  );
  if (!libraries.some((one) => existsSync(one))) missing.push('libfaketime');
  if (spawnSync('/usr/bin/python3', ['-c', 'import pymysql'], { stdio: 'ignore' }).status !== 0)
    missing.push('python3-pymysql');
  missing.push(...['nginx', 'haproxy'].filter((one) => !existsSync(`/usr/sbin/${one}`)));
  if (!existsSync('/usr/bin/chromium')) missing.push('chromium');
  if (missing.length === 0) return;
  // The tests start their own: no service begins with the installation.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const apt = (...words) =>
    spawnSync('apt-get', words, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
      .status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', ...missing);
  const done = install() || (apt('update') && install());
  if (ours) rmSync(policy, { force: true });
  console.error(
    done
      ? `installed ${missing.join(', ')}`
      : `could not install ${missing.join(', ')}: the tests that need it are skipped`,
  );
}

async function findLegs() {
  const { AFD_TEST_MYSQL_URL, AFD_TEST_DATABASE_URL, AFD_DATABASE_URL } = process.env;
  const named = [
    ['AFD_TEST_MYSQL_URL', AFD_TEST_MYSQL_URL, 'a second server, with an account that may create schemas named afd_%'],
    ['AFD_TEST_DATABASE_URL', AFD_TEST_DATABASE_URL, undefined],
  ];
  const own = await privateLeg(AFD_DATABASE_URL);
  const found = [own];
  // `serial` starts a server for each file, and has one that is hostile among them.
  if (own.private) found.push({ name: `${own.name}, hostile`, env: { AFD_TEST_HOSTILE: '1' }, ...HOSTILE });
  for (const [variable, url, what] of named) {
    if (url !== undefined) found.push(await urlLeg(variable, url));
    else if (what !== undefined)
      found.push({ name: 'a real MySQL', needs: 'mysql', skip: `${variable} is not set (${what})` });
  }
  return found;
}

async function privateLeg(existing) {
  const { findServerProgram } = await dist('core/server/server-program.js');
  const { installServer } = await dist('core/server/server-install.js');
  const { hostFrom } = await dist('core/server/host.js');
  const host = hostFrom(process);
  try {
    const program = (await findServerProgram(host)) ?? (await installServer(host, (text) => console.error(text)));
    const label = program.kind === 'mariadb' ? 'MariaDB' : 'MySQL';
    return { name: `${label} ${program.version.split('-')[0]}, private server`, env: {}, private: true };
  } catch (error) {
    if (error.code !== 'E_SERVER_MISSING') throw error;
    if (existing !== undefined) return urlLeg('AFD_DATABASE_URL', existing);
    console.error(`${error.message}\n${error.suggestions.map((one) => `  Try: ${one}`).join('\n')}`);
    process.exit(69);
  }
}

async function urlLeg(variable, url) {
  const { Session } = await dist('core/db/session.js');
  try {
    const { hostname, port, username, password, pathname, searchParams } = new URL(url);
    const socket = searchParams.get('socket');
    const session = new Session({
      address: {
        ...(socket === null ? { host: hostname, port: Number(port || 3306) } : { socketPath: socket }),
        user: decodeURIComponent(username),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        database: pathname.slice(1),
      },
      timeZone: '+00:00',
      idleTimeoutS: 10,
      deadlineMs: 5000,
      multiStatements: false,
    });
    const { version, isMariaDb } = await session.ready();
    await session.close();
    return {
      name: `${isMariaDb ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]} (${variable})`,
      env: { AFD_TEST_DATABASE_URL: url },
    };
  } catch (error) {
    return { name: variable, broken: error.message };
  }
}

/** Runs vitest to its end. A file that cannot be loaded, and an error outside any test, count as one failure each. */
async function runLeg(leg, projects, args) {
  if (leg.broken !== undefined) return { passed: 0, failed: 1, skipped: 0, seconds: 0, note: leg.broken };
  const report = join(scratch, `leg-${results.length}.json`);
  const skips = join(scratch, `skips-${results.length}.json`);
  const started = performance.now();
  const code = await new Promise((resolve) => {
    child = spawn(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        'run',
        ...projects.flatMap((name) => ['--project', name]),
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'],
        `--reporter=${join(ROOT, 'scripts/skips.mjs')}`,
        ...args,
        ...vitestArguments,
      ],
      {
        cwd: ROOT,
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...quietEnvironment(), ...leg.env, AFD_TEST_SKIPS: skips },
      },
    );
    const limit = setTimeout(() => child.kill('SIGTERM'), LEG_LIMIT_MS);
    child.once('close', (status) => {
      clearTimeout(limit);
      resolve(status);
    });
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
    const skipped = JSON.parse(readFileSync(skips, 'utf8'));
    const silent = skipped.filter((one) => one.reason === null).length;
    let failed = numFailedTests + unloaded.length + silent;
    if (code !== 0 && failed === 0) failed = 1;
    const note = silent > 0 ? { note: `${silent} of the failures are tests that are skipped without a reason` } : {};
    return {
      passed: numPassedTests,
      failed,
      skipped: numPendingTests + numTodoTests,
      seconds,
      skips: skipped,
      failures: testResults.flatMap(failuresOf),
      ...note,
    };
  } catch {
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      seconds,
      note: interrupted === undefined ? `vitest ended with ${code} and left no report` : `ended by ${interrupted}`,
    };
  }
}

/** The end of a long run names what failed in it: its beginning may be gone from the terminal. */
function failuresOf({ name, message, assertionResults }) {
  const file = relative(ROOT, name);
  if (assertionResults.length === 0 && message) return [`${file}: ${firstLine(message)}`];
  return assertionResults
    .filter((one) => one.status === 'failed')
    .map(({ fullName, failureMessages }) => `${file} > ${fullName}: ${firstLine(failureMessages[0] ?? '')}`);
}

function firstLine(text) {
  return text.split('\n', 1)[0].slice(0, 300);
}

/** Nothing that configures afd may reach the tests from outside. */
function quietEnvironment() {
  const ours = /^(AFD_|MYSQL_|DISTRIBUTION_MODE$|MASTER_HOST$|DEVICE_ID$|NODE_ENV$)/;
  const kept = /^(AFD_SERVER_FOLDERS|AFD_TEST_MYSQL_ROOT|AFD_REAL_MYSQL)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name) || kept.test(name)));
}

function dist(file) {
  return import(new URL(`../dist/${file}`, import.meta.url).href);
}

function finish(legsRun) {
  const lines = legsRun.flatMap((leg) =>
    leg.skip !== undefined
      ? [`  DID NOT RUN  [${leg.needs ?? '-'}] ${leg.name}: ${leg.skip}`]
      : [
          `  ran          ${leg.name}: ${leg.passed} passed, ${leg.failed} failed, ${leg.skipped} skipped in ${leg.seconds} s${leg.partly ? ', without the files that have no part in it' : ''}${leg.note === undefined ? '' : ` (${leg.note})`}`,
          ...(leg.failures ?? []).map((one) => `    FAILED     ${one}`),
          ...(leg.skips ?? []).map(
            ({ file, name, reason, needs }) =>
              `    skipped    [${needs ?? '-'}] ${file} > ${name}: ${reason ?? 'NO REASON IS GIVEN'}`,
          ),
        ],
  );
  const sum = (key) => legsRun.reduce((total, leg) => total + (leg[key] ?? 0), 0);
  const [passed, failed] = [sum('passed'), sum('failed')];
  const last = `${passed} passed, ${failed} failed`;
  console.log(['', 'Legs:', ...lines, last].join('\n'));
  // For a caller that has more to count (.ci/run).
  if (process.env.AFD_TEST_SUMMARY !== undefined) {
    writeFileSync(process.env.AFD_TEST_SUMMARY, [...lines, last, ''].join('\n'));
  }
  if (interrupted === 'SIGINT') process.exitCode = 130;
  else if (interrupted !== undefined) process.exitCode = 143;
  else process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
