// From the call that enqueues to the handler's first line, on an idle fleet of four workers (processes on this machine).
//   node bench/latency-ring.mjs [producer] [tasks]     a private, durable MariaDB; or the server of AFD_DATABASE_URL
// Producers: add, bulk (20 at once), retry, reassign, enqueue (of a handler), foreign (a plain INSERT), or all of them.
// AFD_BENCH_WORKER: YAML flow map laid over `worker` of the configuration, e.g. '{ ring: { enabled: false } }'.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin/run.js');
const core = (path) => import(join(ROOT, 'dist/core', path));
const WORKERS = 4;
const [wanted = 'all', count = '200'] = process.argv.slice(2);

const dir = mkdtempSync(join(tmpdir(), 'afd-latency-'));
const { hostFrom } = await core('server/host.js');
const { startServer, stopServer } = await core('server/embedded-server.js');
const host = hostFrom(process);
const given = process.env.AFD_DATABASE_URL;
const url = given ?? (await startServer({ dir: join(dir, 'db'), host, durability: 'durable' })).url;

const STARTS = join(dir, 'starts');
writeFileSync(STARTS, '');
writeFileSync(
  join(dir, 'handler.mjs'),
  `import { appendFileSync } from 'node:fs';
export default async (task, ctx) => {
  const at = process.hrtime.bigint();
  appendFileSync(${JSON.stringify(STARTS)}, \`\${task.task_id} \${task.task_data.key ?? ''} \${at} \${ctx.device_id}\\n\`);
  if (task.task_data.child !== undefined) ctx.enqueue({ task_type: 'work', task_data: { key: task.task_data.child } });
};
`,
);
writeFileSync(
  join(dir, 'afd.yaml'),
  `database: { url: "${url}" }
worker: ${process.env.AFD_BENCH_WORKER ?? '{}'}
handlers: { work: { module: ./handler.mjs, isolation: none } }
log: { level: warn }
`,
  { mode: 0o600 },
);

const children = [];
const at = new URL(url);
const db = await mysql.createConnection({
  user: decodeURIComponent(at.username),
  password: decodeURIComponent(at.password),
  database: at.pathname.slice(1),
  ...(at.searchParams.has('socket')
    ? { socketPath: at.searchParams.get('socket') }
    : { host: at.hostname, port: Number(at.port || 3306) }),
});
const starts = () =>
  readFileSync(STARTS, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .map(([id, key, at, device]) => ({ id: Number(id), key, at: BigInt(at), device }));
const started = async (n) => {
  for (let tries = 0; starts().length < n; tries += 1) {
    if (tries > 500) throw new Error(`only ${starts().length} of ${n} tasks started within 10 s`);
    await pause(20);
  }
};
const quantiles = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))].toFixed(1);
  return `p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  max ${at(1)}`;
};
const ms = (from, to) => Number(to - from) / 1e6;
const gap = () => pause(50 + Math.random() * 100);

try {
  const migrated = spawnSync(process.execPath, [BIN, 'migrate'], { cwd: dir, encoding: 'utf8' });
  if (migrated.status !== 0) throw new Error(migrated.stdout + migrated.stderr);
  for (let n = 1; n <= WORKERS; n += 1) {
    const stdio = ['ignore', 'ignore', 'inherit'];
    children.push(spawn(process.execPath, [BIN, 'worker', '--device-id', `bench-${n}`], { cwd: dir, stdio }));
  }
  for (let up = 0; up < WORKERS; await pause(100)) {
    const [rows] = await db.query(
      "SELECT COUNT(*) AS n FROM af_device WHERE device_id LIKE 'bench-%' AND status = 'online'",
    );
    up = Number(rows[0].n);
  }
  await pause(3000);
  const { loadConfig } = await core('config/load-config.js');
  const { openContext } = await core('context.js');
  const { addTask, reassignTask, retryTasks } = await core('tasks.js');
  const resolved = await loadConfig({ file: join(dir, 'afd.yaml'), env: {}, cwd: dir, flags: [] });
  const context = openContext(resolved, { purpose: 'command', logTo: process.stderr });
  const producer = await context.producer();
  const plain = (key) => ({ task_type: 'work', task_data: { key } });
  let serial = 0;
  /** Runs `make(key)` `n` times; its latency counts from the call to the first line of the last task with that key. */
  const measure = async (name, n, make, tasks = 1) => {
    if (wanted !== 'all' && wanted !== name) return;
    const called = new Map();
    const before = starts().length;
    let expected = before;
    for (let i = 0; i < n; i += 1) {
      await gap();
      serial += 1;
      const key = `${name}-${serial}`;
      const got = await make(key, (at = process.hrtime.bigint()) => called.set(key, at));
      expected += got ?? tasks;
    }
    await started(expected);
    const last = new Map();
    for (const { key, at } of starts()) if (called.has(key) && at > called.get(key)) last.set(key, at);
    const values = [...called].flatMap(([key, at]) => (last.has(key) ? [ms(at, last.get(key))] : []));
    const devices = new Map();
    for (const one of starts().slice(before)) devices.set(one.device, (devices.get(one.device) ?? 0) + 1);
    console.log(
      `${name.padEnd(10)} ${String(values.length).padStart(5)} calls  ${quantiles(values)} ms   ${[...devices.values()].join('/')}`,
    );
  };
  const [[{ version }]] = await db.query('SELECT VERSION() AS version');
  console.log(`${version}, ${WORKERS} workers, milliseconds from the call to the handler's first line`);
  const n = Number(count);
  await measure('add', n, async (key, call) => {
    call();
    await addTask(context, plain(key));
  });
  await measure(
    'bulk',
    Math.ceil(n / 10),
    async (key, call) => {
      call();
      await producer.enqueue(Array.from({ length: 20 }, () => plain(key)));
    },
    20,
  );
  await measure('enqueue', n, async (key, call) => {
    // From the parent's first line: its end, its commit, the ring, the child's first line.
    const id = await addTask(context, { task_type: 'work', task_data: { key: `parent-${key}`, child: key } });
    await pause(150);
    const parent = starts().find((one) => one.id === id.task_id);
    if (parent !== undefined) call(parent.at);
    return 2;
  });
  const by = { who: 'os:bench', label: 'bench', source: null, request_id: 'bench' };
  const done = async (key) => {
    const { task_id } = await addTask(context, plain(key));
    await pause(120);
    await db.query("UPDATE af_crawl_task SET status = 'failed' WHERE id = ? AND status = 'done'", [task_id]);
    return task_id;
  };
  await measure('retry', Math.ceil(n / 2), async (key, call) => {
    const id = await done(key);
    call();
    await retryTasks(context, [id], { force: false, by });
    return 2;
  });
  await measure('reassign', Math.ceil(n / 2), async (key, call) => {
    const row =
      "INSERT INTO af_crawl_task (task_type, task_data, status, target_device_id) VALUES (?, ?, 'assigned', 'gone')";
    const [{ insertId }] = await db.query(row, ['work', JSON.stringify({ key })]);
    call();
    await reassignTask(context, insertId, { to: 'bench-3', force: false, by });
  });
  await measure('foreign', n, async (key, call) => {
    call();
    await db.query('INSERT INTO af_crawl_task (task_type, task_data) VALUES (?, ?)', ['work', JSON.stringify({ key })]);
  });
  await context.close();
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => child.exitCode === null && new Promise((end) => child.once('exit', end))));
  await db.end();
  if (given === undefined) await stopServer(join(dir, 'db'), host, 0);
  rmSync(dir, { recursive: true, force: true });
}
