// Who runs what, for real: four worker processes with unequal slots and speeds on a real server, tasks that arrive one by
// one; next to the shares of a dispatcher that knows everything (simulated, bench/placement-sim.mjs).
//   npm run build && node bench/placement-run.mjs [--strategy weighted] [--load 0.2 --load 0.5] [--seconds 25]
//     [--producers 1] [--no-ring]        a private, durable MariaDB; or the server of AFD_DATABASE_URL (migrated)
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { DEFAULT_POLICY } from '../dist/core/domain/placement/policy.js';
import { exponential, randomFrom } from './placement/clockwork.mjs';
import { arrivals, DEVICES, TYPES } from './placement/fleet.mjs';
import { distance, simulate } from './placement/online.mjs';

const { values: options } = parseArgs({
  options: {
    strategy: { type: 'string', multiple: true, default: ['weighted'] },
    load: { type: 'string', multiple: true, default: ['0.2', '0.5'] },
    seconds: { type: 'string', default: '25' },
    producers: { type: 'string', default: '1' },
    'no-ring': { type: 'boolean', default: false },
  },
});
/** The simulated tasks take four times as long; only the ratios matter. */
const FASTER = 4;
const SEEDED_ATTEMPTS = 100;
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const core = (path) => import(new URL(`../dist/core/${path}`, import.meta.url).href);

const dir = mkdtempSync(join(tmpdir(), 'afd-placement-'));
const { hostFrom } = await core('server/host.js');
const { startServer, stopServer } = await core('server/embedded-server.js');
const { loadConfig } = await core('config/load-config.js');
const { openContext } = await core('context.js');
const host = hostFrom(process);
const given = process.env.AFD_DATABASE_URL;
const url = given ?? (await startServer({ dir: join(dir, 'db'), host, durability: 'durable' })).url;
const at = new URL(url);
const db = await mysql.createConnection({
  ...(at.searchParams.has('socket')
    ? { socketPath: at.searchParams.get('socket') }
    : { host: at.hostname, port: Number(at.port || 3306) }),
  user: decodeURIComponent(at.username),
  password: decodeURIComponent(at.password),
  database: at.pathname.slice(1),
});

const row = (cells) => `| ${cells.join(' | ')} |`;
const LEDGER = join(dir, 'ledger');
writeFileSync(
  join(dir, 'handler.mjs'),
  `import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
export default async ({ task_data: { key, ms, luck } }, { device_id, signal }) => {
  appendFileSync(${JSON.stringify(LEDGER)}, \`\${key} \${process.hrtime.bigint()} \${device_id}\\n\`);
  await pause(ms / Number(process.env.SPEED), undefined, { signal });
  if (luck > Number(process.env.SUCCESS_RATE)) throw new Error('as unlucky as this device is');
};
`,
);
/** A folder with the configuration of one node, and handlers for these types. */
function configure(name, { strategy, slots = 1, types = [] }) {
  const folder = join(dir, name);
  mkdirSync(folder, { recursive: true });
  const config = {
    database: { url },
    master: { max_retry_count: 0 },
    load_balancer: { strategy },
    worker: { max_concurrent_tasks: slots, ring: { enabled: !options['no-ring'] } },
    handlers: Object.fromEntries(types.map((type) => [type, { module: '../handler.mjs', isolation: 'none' }])),
    log: { level: 'warn' },
  };
  writeFileSync(join(folder, 'afd.yaml'), JSON.stringify(config), { mode: 0o600 });
  return folder;
}

/** Ended attempts that say what each device is like, so that the leader's figures are right from the start. */
async function seedHistory() {
  const rows = DEVICES.flatMap(({ device_id, speed, success_rate }, at) =>
    Array.from({ length: SEEDED_ATTEMPTS }, (_, n) => {
      const ended = n < SEEDED_ATTEMPTS * success_rate ? 'completed' : 'failed';
      const ms = 2000 / FASTER / speed;
      return [2e9 + at * SEEDED_ATTEMPTS + n, device_id, ended, 1, Buffer.alloc(16), ms * 1000];
    }),
  );
  for (const [task, device, status, attempt, token, microseconds] of rows) {
    await db.query(
      `INSERT INTO af_task_assignment (task_id, device_id, status, attempt, claim_token, deadline_at, started_at, completed_at)
       VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, UTC_TIMESTAMP(3))`,
      [task, device, status, attempt, token, microseconds],
    );
  }
}

const CLEAR = ['af_task_assignment', 'af_crawl_task', 'af_device', 'af_lane', 'af_setting'];
const ledger = () =>
  readFileSync(LEDGER, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .map(([key, at, device]) => ({ key, at: BigInt(at), device }));

async function until(done, what) {
  for (let tries = 0; !(await done()); tries += 1) {
    if (tries > 1200) throw new Error(`${what} did not come within a minute`);
    await pause(50);
  }
}

const children = new Set();
let serverStopped = false;
async function stopAll() {
  for (const child of children) child.kill('SIGTERM');
  if (given === undefined && !serverStopped) await stopServer(join(dir, 'db'), host, 0);
  serverStopped = true;
  rmSync(dir, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().finally(() => process.exit(130)));

async function run(strategy, load) {
  writeFileSync(LEDGER, '');
  for (const table of CLEAR) await db.query(`DELETE FROM ${table}`);
  await seedHistory();
  const workers = DEVICES.map(({ device_id, slots, types, speed, success_rate }) =>
    spawn(process.execPath, [BIN, 'worker', '--device-id', device_id], {
      cwd: configure(device_id, { strategy, slots, types }),
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { ...process.env, SPEED: String(speed), SUCCESS_RATE: String(success_rate) },
    }),
  );
  for (const one of workers) children.add(one);
  const contexts = [];
  try {
    const folder = configure('producer', { strategy });
    const resolved = await loadConfig({ file: join(folder, 'afd.yaml'), env: {}, cwd: folder, flags: [] });
    for (let n = 0; n < Number(options.producers); n += 1) {
      contexts.push(openContext(structuredClone(resolved), { purpose: 'command', logTo: process.stderr }));
    }
    const producers = await Promise.all(contexts.map((one) => one.producer()));
    await until(async () => {
      const [[{ n }]] = await db.query(
        'SELECT COUNT(*) AS n FROM af_device WHERE success_rate IS NOT NULL AND avg_duration_ms IS NOT NULL',
      );
      return Number(n) === DEVICES.length;
    }, 'the figures of all devices');
    const random = randomFrom(17);
    // One task of each type, so that every lane is known.
    await producers[0].enqueue(TYPES.map((type) => taskOf(type, `warm-${type}`, 10, 0)));
    await until(() => ledger().length >= TYPES.length, 'the first tasks');
    await pause(2000);

    const rate = (1 / arrivals(random, load, 2000).at(-1).at) * 2000 * FASTER;
    const called = new Map();
    const calls = [];
    const start = performance.now();
    let due = 0;
    for (let n = 0; due < Number(options.seconds) * 1000; n += 1) {
      due += exponential(random, 1 / rate);
      const wait = start + due - performance.now();
      if (wait > 1) await pause(wait);
      const type = TYPES[Math.floor(random() * TYPES.length)];
      const ms = exponential(random, 2000 / FASTER);
      called.set(`${n}`, process.hrtime.bigint());
      const producer = producers[n % producers.length];
      const task = taskOf(type, `${n}`, ms, random());
      // One session per producer: its calls follow one another.
      producer.last = (producer.last ?? Promise.resolve()).then(() => producer.enqueue([task]));
      calls.push(producer.last);
    }
    await Promise.all(calls);
    await until(() => ledger().filter(({ key }) => called.has(key)).length >= called.size, 'the start of every task');
    const starts = ledger().filter(({ key }) => called.has(key));
    if (starts.length !== called.size) throw new Error(`${called.size} tasks, ${starts.length} starts`);
    const shares = DEVICES.map(
      ({ device_id }) => starts.filter((one) => one.device === device_id).length / starts.length,
    );
    const waits = starts.map(({ key, at }) => Number(at - called.get(key)) / 1e6).sort((a, b) => a - b);
    return { tasks: starts.length, shares, waits };
  } finally {
    for (const one of contexts) await one.close();
    for (const one of workers) {
      one.kill('SIGTERM');
      if (one.exitCode === null) await once(one, 'exit');
      children.delete(one);
    }
  }
}

const taskOf = (task_type, key, ms, luck) => ({ task_type, task_data: { key, ms, luck }, max_retry_count: 0 });
const percents = (shares) => shares.map((one) => Math.round(100 * one)).join('/');

try {
  const migrated = spawnSync(process.execPath, [BIN, 'migrate'], {
    cwd: configure('producer', { strategy: 'weighted' }),
    encoding: 'utf8',
  });
  if (migrated.status !== 0) throw new Error(migrated.stdout + migrated.stderr);
  const [[{ version }]] = await db.query('SELECT VERSION() AS version');
  const way = options['no-ring'] ? 'polling alone' : `ring, ${options.producers} producer(s)`;
  console.log(`${version}, ${way}, mean run ${2000 / FASTER} ms on the fastest device, ${options.seconds} s per row\n`);
  console.log(
    row(['strategy', 'load', 'tasks', 'share %', 'dispatcher %', 'apart %', 'call to handler p50/p90/p99/max ms']),
  );
  console.log(row(['---', '---', '---', '---', '---', '---', '---']));
  for (const strategy of options.strategy) {
    for (const load of options.load.map(Number)) {
      const { tasks, shares, waits } = await run(strategy, load);
      const policy = { ...DEFAULT_POLICY, strategy };
      const best = simulate({ policy, load, tasks: 20_000, seed: 1, how: { kind: 'omniscient' } }).shares;
      const at = (share) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))].toFixed(1);
      const apart = (100 * distance(shares, best)).toFixed(1);
      const waited = [0.5, 0.9, 0.99, 1].map(at).join('/');
      console.log(row([strategy, load, tasks, percents(shares), percents(best), apart, waited]));
    }
  }
} finally {
  await db.end();
  await stopAll();
}
