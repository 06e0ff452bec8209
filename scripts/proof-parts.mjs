// The parts of `npm run proof`: a name, what it proves in one line, whether each change must pass it (gate), and how it is run.
// run() returns `{ result: passed | failed | partly | not run, figures, notes?, passed?, failed? }`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bootstrap.mjs';
import { run, runTests, told } from './run-tests.mjs';
import { installForProof, realMysql, serverForTests, tool } from './server-for-tests.mjs';

/** Parts of a whole proof kill this many processes in each storm over one server, and this many writers of a cluster. */
const KILLS = { storm: 100, cluster: 10 };
/** A tenth of the mutants each, so that an interrupted proof loses little. */
const TENTHS = Array.from({ length: 10 }, (_, turn) => turn);

const mayLack = (process.env.AFD_CI_WITHOUT ?? '').split(' ');
/** A part for which something is missing: AFD_CI_WITHOUT says whether a gate may pass without it. */
function without(what, why) {
  if (mayLack.includes(what)) return { result: 'not run', figures: `${why}; AFD_CI_WITHOUT allows that` };
  return { result: 'not run', figures: why, notes: [`AFD_CI_WITHOUT=${what} allows that`], failed: 1 };
}

/** Tests on the private server. What is skipped for want of a program makes a part incomplete. */
async function tests(options, packages = []) {
  installForProof(packages);
  return outcomeOf(await runTests({ ...options, env: { ...(await serverForTests()), ...options.env } }));
}

function outcomeOf(found) {
  const { passed, failed, skips, processor } = found;
  console.log(['', ...told(found)].join('\n'));
  const missing = skips.filter(({ needs }) => needs !== undefined && !mayLack.includes(needs));
  const result = failed > 0 ? 'failed' : missing.length > 0 ? 'partly' : 'passed';
  const figures = `${passed} tests passed, ${failed} failed, ${skips.length} skipped; ${Math.round(processor ?? 0)} processor seconds`;
  const notes = [
    ...found.failures.map((one) => `FAILED  ${one}`),
    ...skips
      .filter(({ needs }) => needs !== undefined)
      .map(({ needs, test, reason }) => `skipped [${needs}] ${test}: ${reason}`),
  ];
  return { result, figures, notes, passed, failed, processor };
}

async function onMysql(options) {
  const { url, why, stop } = await realMysql();
  try {
    if (url === undefined) return without('mysql', `no real MySQL: ${why}`);
    return outcomeOf(await runTests({ ...options, env: { AFD_TEST_DATABASE_URL: url } }));
  } finally {
    stop();
  }
}

/** Lines of which the last is what a script found out; without one, its last line is. */
const FIGURES = {
  'scripts/quickstart.mjs': /^tasks +\d/,
  'scripts/chaos.mjs': /^seed \d+ on /,
};

/** A script of this project. */
async function script(file, ...args) {
  const { code, output } = await run(process.execPath, [join(ROOT, file), ...args], { keep: true });
  const lines = output.trim().split('\n');
  const figures = (lines.findLast((line) => FIGURES[file]?.test(line)) ?? lines.at(-1)).trim() || 'no output';
  if (code === 0) return { result: 'passed', figures, passed: 1 };
  const notes = lines.filter((line) => /ESCAPED|BROKEN|FAIL|✖|[Ee]rror/.test(line)).slice(0, 10);
  return { result: 'failed', figures: `exit ${code}: ${figures}`, notes, failed: 1 };
}

/** `npm test`, whose processor seconds have a bound (.ci/run says which, and why). */
async function everyChange() {
  const outcome = await tests({ projects: ['unit', 'db', 'serial'] });
  const most = Number(process.env.AFD_CI_PROCESSOR_SECONDS ?? Number.POSITIVE_INFINITY);
  if (!(outcome.processor > most)) return outcome;
  const note = `FAILED  npm test used more than the ${most} processor seconds that .ci/run allows`;
  return { ...outcome, result: 'failed', notes: [note, ...outcome.notes], failed: outcome.failed + 1 };
}

const folder = (name, what, packages) => ({
  ...{ name, what },
  run: () => tests({ projects: ['proof'], args: [`test/proof/${name}`] }, packages),
});
/** The server that it leaves running stays only if it ran before. */
async function quickstart() {
  const outcome = await script('scripts/quickstart.mjs');
  if (!SERVER_RUNS) await run(process.execPath, [join(ROOT, 'bin/run.js'), 'db', 'stop']);
  return outcome;
}
const SERVER_RUNS = existsSync(join(ROOT, '.afd/mysql/server.pid'));

const chaos = (...args) => script('scripts/chaos.mjs', ...args.map(String));

/** A storm over a replicated database that a script starts. */
async function cluster(topology, variable) {
  if (tool(variable) === undefined) return { result: 'not run', figures: `${variable} names no script` };
  process.env[variable] = tool(variable);
  const kinds = 'kill-database=1,switch-database=1';
  return chaos('--topology', topology, '--kinds', kinds, '--kills', KILLS.cluster, '--tasks', 200, '--seed', 11);
}

async function clusterTests() {
  for (const variable of ['AFD_TEST_MYSQL_GROUP', 'AFD_TEST_MARIADB_PAIR', 'AFD_TEST_MARIADB_GALERA']) {
    const found = tool(variable);
    if (found !== undefined) process.env[variable] = found;
  }
  return outcomeOf(await runTests({ projects: ['proof'], args: ['test/proof/clusters'] }));
}

async function benches() {
  const { url, stop } = await realMysql();
  try {
    if (url !== undefined) process.env.AFD_BENCH_MYSQL_URL = url;
    return await script('bench/smoke.mjs');
  } finally {
    stop();
  }
}

export const PARTS = [
  { name: 'test', what: 'npm test, on a private MariaDB', gate: true, run: everyChange },
  { name: 'lint', what: 'format, lint, types', gate: true, run: () => script('scripts/check.mjs', '--without-tests') },
  {
    name: 'statements',
    what: 'test/db on a real MySQL',
    gate: true,
    run: () => onMysql({ projects: ['db'], args: ['test/db'] }),
  },
  { name: 'quickstart', what: 'npm run quickstart', gate: true, run: quickstart },
  { name: 'storm', what: 'a short storm', gate: true, run: () => chaos('--kills', 10, '--tasks', 200, '--seed', 7) },
  { name: 'bench', what: 'each workload of the bench, tiny', gate: true, run: benches },
  {
    name: 'quickstart-2',
    what: 'npm run quickstart again, in the same folder',
    run: quickstart,
  },
  {
    name: 'hostile',
    what: 'the tests with a database on a MariaDB whose every global is unusual',
    run: () => tests({ projects: ['db'], env: { AFD_TEST_HOSTILE: '1' } }),
  },
  {
    name: 'mysql',
    what: 'the tests with a database on a real MySQL',
    run: () => onMysql({ projects: ['db', 'serial', 'proof'], args: ['--exclude', 'test/proof/clusters/**'] }),
  },
  folder('processes', 'processes that are killed, stopped and left over', ['python3-pymysql']),
  folder('servers', 'database servers that are stopped, bent and guarded by rights'),
  folder('clocks', 'nodes whose clocks are wrong', ['libfaketime']),
  folder('attacks', 'clients that flood, guess and wait'),
  folder('proxies', 'nginx and HAProxy before a gateway', ['nginx', 'haproxy']),
  folder('browsers', 'what a browser does with the answers', ['chromium']),
  { name: 'clusters', what: 'nodes on replicated databases', run: clusterTests },
  ...[
    ['group', 'AFD_TEST_MYSQL_GROUP', 'a MySQL group'],
    ['semisync', 'AFD_TEST_MARIADB_PAIR', 'a MariaDB with a replica'],
    ['galera', 'AFD_TEST_MARIADB_GALERA', 'a Galera cluster'],
  ].map(([topology, variable, of]) => ({
    name: `storm-${topology}`,
    what: `a storm over ${of}, whose writer is killed ${KILLS.cluster} times`,
    run: () => cluster(topology, variable),
  })),
  ...['mariadb', 'mysql'].map((kind) => ({
    name: `storm-${kind}`,
    what: `a storm with ${KILLS.storm} kills on ${kind === 'mysql' ? 'MySQL' : 'MariaDB'}`,
    run: () => chaos('--server', kind, '--kills', KILLS.storm, '--seed', 1, '--write'),
  })),
  { name: 'control', what: 'the storms of the mutants over afd as it is', run: () => chaos('--control') },
  ...TENTHS.map((turn) => ({
    name: `mutants-${turn}`,
    what: `hand-written mutants, tenth ${turn + 1}`,
    run: () => chaos('--mutants', '--turn', turn),
  })),
  { name: 'mutation', what: 'Stryker over the domain', run: () => script('scripts/mutation.mjs') },
];
