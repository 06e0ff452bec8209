// Runs each workload once and tiny, and checks what it prints: the bench must not rot between two times that somebody
// measures. Installs nothing; peers take part where they are installed already. Figures of such runs mean nothing.
//   node bench/smoke.mjs [workload …]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap, ROOT } from '../scripts/bootstrap.mjs';

await bootstrap();
const { WORKLOADS } = await import('./workloads/registry.mjs');

const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));
const TREES = fileURLToPath(new URL('trees.mjs', import.meta.url));
const LIMIT_MS = 180_000;
const PEERS = 'afd:mariadb,bullmq,graphile,pgboss:batches';
/** With the MySQL of AFD_BENCH_MYSQL_URL, where that is set. */
const WITH_MYSQL = `afd:mysql,${PEERS}`;
const ON_BOTH = ['drain', 'crowd', 'dead-entries', 'open-insert', 'bulk-insert'];
const CPU = existsSync('/proc/self/stat') ? ['server_cpu_us_per_task', 'workers_cpu_us_per_task'] : [];
/** Told as null where the process of a server cannot be found. */
const MAY_BE_NULL = 'server_cpu_us_per_task';
/** Flags that make a run tiny, and the figures that it must have told. */
const TINY = {
  drain: [
    ['--n', '400', '--workers', '2', '--slots', '5'],
    ['n', 'seconds', 'tasks_per_s', 'deadlocks', ...CPU],
  ],
  crowd: [
    // Of fewer, all may have begun before the clock does.
    ['--n', '2000', '--workers', '2', '--slots', '5'],
    ['n', 'seconds', 'tasks_per_s', 'deadlocks', 'lock_waits', 'of_ideal_time', ...CPU],
  ],
  'slow-link': [
    ['--n', '12', '--workers', '1', '--slots', '2'],
    ['n', 'tasks_per_s', 'of_possible'],
  ],
  'round-trips': [
    ['--n', '200', '--workers', '2', '--slots', '5'],
    ['round_trips_per_task', 'deadlocks', 'lock_waits'],
  ],
  enqueue: [
    ['--n', '2000'],
    ['n', 'seconds', 'tasks_per_s'],
  ],
  latency: [
    ['--n', '3', '--workers', '1'],
    ['p50_ms', 'p99_ms', 'max_ms'],
  ],
  idle: [
    ['--n', '2', '--workers', '2', '--settle', '1'],
    ['round_trips_per_s', 'statements_per_s'],
  ],
  recovery: [
    ['--n', '3', '--workers', '3', '--settle', '1'],
    ['p50_ms', 'max_ms'],
  ],
  scale: [
    ['--n', '5000', '--workers', '2'],
    ['tasks_per_s', 'first_tenth_per_s', 'last_tenth_per_s'],
  ],
  'open-insert': [
    ['--n', '2000', '--workers', '2'],
    ['n', 'tasks_per_s', 'tasks_per_s_without', 'longest_gap_ms'],
  ],
  'bulk-insert': [
    ['--n', '2000', '--workers', '2'],
    ['n', 'seconds', 'seconds_without', 'most_sessions', 'most_active'],
  ],
  'dead-entries': [
    ['--n', '2000', '--workers', '2'],
    ['n', 'p50_ms', 'p50_ms_without', 'ms_per_100000_dead'],
  ],
};

/** At once: much of a run is waiting for servers and processes to start. */
const AT_ONCE = 2;

const wanted = process.argv.slice(2);
const problems = [];
const queue = wanted.length > 0 ? wanted : [...Object.keys(WORKLOADS), 'trees'];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const begun = Date.now();
      const found = name === 'trees' ? await compareTrees() : await check(name);
      console.log(
        `${found.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`,
      );
      problems.push(...found.map((one) => `${name}: ${one}`));
    }
  }),
);
for (const one of problems) console.log(one);
process.exitCode = problems.length > 0 ? 1 : 0;

async function check(workload) {
  if (TINY[workload] === undefined) return ['bench/smoke.mjs has no tiny run for it'];
  const [flags, figures] = TINY[workload];
  const args = [
    RUN,
    workload,
    '--json',
    '--reps',
    '1',
    '--no-install',
    '--peers',
    ON_BOTH.includes(workload) ? WITH_MYSQL : PEERS,
    ...flags,
  ];
  const { out, problem } = await run(args);
  if (problem !== undefined) return [problem];
  const lines = out.trim().split('\n').map(parse);
  const results = lines.filter((one) => one?.workload !== undefined);
  return [
    ...lines.flatMap((one, n) => (one === undefined ? [`line ${n + 1} is not JSON: ${out.split('\n')[n]}`] : [])),
    ...(Array.isArray(lines.at(-1)?.about) ? [] : ['its last line does not say what was measured on what']),
    ...(results.some((one) => one.peer === 'afd') ? [] : ['afd was not measured']),
    ...results.flatMap((one) => shape(one, workload)),
    ...figures
      .filter((figure) => !results.some((one) => one.peer === 'afd' && Number.isFinite(one[figure])))
      .map((figure) => `no line of afd has a number "${figure}"`),
  ];
}

/** This tree compared with itself. */
async function compareTrees() {
  const args = ['--servers', 'mariadb', '--reps', '1', '--pause', '0', 'drain:2x5:200'];
  const { out, problem } = await run([TREES, ROOT, ...args]);
  if (problem !== undefined) return [problem];
  const row = /^\| mariadb \| drain \| 2 × 5 \| tasks_per_s \| [\d,.]+ \| [\d,.]+ \| \d+\.\d\d \|$/m;
  return row.test(out) ? [] : [`there is no row for tasks_per_s:\n${out}`];
}

async function run(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  const [code, signal] = await once(child, 'close');
  return { out, ...(code === 0 ? {} : { problem: `it ended with ${code ?? signal}:\n${err.trim()}` }) };
}

function shape(line, workload) {
  const texts = ['peer', 'profile', 'workload'].filter((key) => typeof line[key] !== 'string' || line[key] === '');
  const others = Object.entries(line).filter(([key]) => !['peer', 'profile', 'workload', 'what'].includes(key));
  const right = ([key, value]) => (Number.isFinite(value) && value >= 0) || (value === null && key === MAY_BE_NULL);
  const wrong = others.filter((one) => !right(one)).map(([key]) => key);
  const problems = [...texts, ...wrong].map((key) => `"${key}" of ${JSON.stringify(line)}`);
  if (line.workload !== workload || line.rep !== 1) problems.push(`not a line of this run: ${JSON.stringify(line)}`);
  return problems;
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
