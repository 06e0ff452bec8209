// How long each list of the HTTP API takes over many tasks: p50 and p95 of requests to a gateway, one after the other. Makes a
// schema of its own, beside that of the url, and drops it again. Needs dist (npm run build) and a quiet machine.
//   AFD_DATABASE_URL=mysql://… node bench/lists.mjs [tasks] [requests of each list]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

const rows = Number(process.argv[2] ?? 5_000_000);
const requests = Number(process.argv[3] ?? 40);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const given = process.env.AFD_DATABASE_URL;
if (given === undefined) throw new Error('AFD_DATABASE_URL is not set');
const database = `afd_bench_lists_${process.pid}`;
const url = new URL(given);
url.pathname = `/${database}`;
const CHUNK = 100_000;
const DEVICES = 1000;

const dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
const env = { ...process.env, AFD_DATABASE_URL: url.href };
const admin = await mysql.createConnection(given);
let gateway;
await admin.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
try {
  const migrated = spawnSync(process.execPath, [BIN, 'migrate', 'up', '--yes'], { cwd: dir, env, encoding: 'utf8' });
  if (migrated.status !== 0) throw new Error(migrated.stderr);
  await admin.query(`USE \`${database}\``);
  const begun = performance.now();
  await fill();
  const fillS = Math.round((performance.now() - begun) / 1000);
  const at = await startGateway();
  const lists = [];
  for (const [name, path] of Object.entries(await paths(at))) lists.push(await measure(name, at + path));
  const worst = Math.max(...lists.map((one) => one.p95_ms));
  console.log(JSON.stringify({ tasks: rows, fill_s: fillS, requests, worst_p95_ms: worst, lists }, null, 2));
} finally {
  gateway?.kill('SIGTERM');
  if (gateway !== undefined && gateway.exitCode === null) await once(gateway, 'exit');
  await admin.query(`DROP DATABASE \`${database}\``);
  await admin.end();
  rmSync(dir, { recursive: true, force: true });
}

/** Mostly done, some failed, a few thousand that wait; one type is rare, and so is one error. */
async function fill() {
  await admin.query(`CREATE TABLE numbers (n INT PRIMARY KEY) SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS n
    FROM ${['a', 'b', 'c', 'd', 'e'].map((name) => `(SELECT 0 AS n ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `UNION ALL SELECT ${n}`).join(' ')}) ${name}`).join(', ')}`);
  const status =
    "CASE WHEN k % 613 = 0 THEN 'pending' WHEN k % 33 = 0 THEN 'failed' WHEN k % 211 = 0 THEN 'cancelled' WHEN k % 30011 = 0 THEN 'running' ELSE 'done' END";
  for (let from = 0; from < rows; from += CHUNK) {
    const size = Math.min(CHUNK, rows - from);
    const [{ insertId }] = await admin.query(
      `INSERT INTO af_crawl_task (task_type, username, app_id, start_date, end_date, status, priority, attempt, retry, task_data, last_error, next_run_at, created_at, updated_at, finished_at, dedupe_key)
       SELECT IF(k % 100003 = 7, 'rare', ELT(1 + k % 4, 'sync_apps', 'sync_data', 'user_apps', 'app_data')), CONCAT('user', k % 5000, '@example.com'), CONCAT('com.example.app', k % 300),
         '2025-01-01', '2025-01-31', ${status}, 1 + k % 10, IF(k % 613 = 0, 0, 1), 0, CONCAT('{"page":', k, ',"cookie":"', REPEAT('x', 100), '"}'),
         IF(k % 33 = 0, CONCAT('HTTP ', 500 + k % 4, IF(k % 100005 = 33, ' needle', ''), ' of the upstream'), NULL),
         moment, moment, moment, IF(k % 613 = 0, NULL, moment), CONCAT('key-', k)
       FROM (SELECT n + ? AS k, NOW(3) - INTERVAL (? - n - ?) SECOND AS moment FROM numbers WHERE n < ?) s ORDER BY k`,
      [from, rows, from, size],
    );
    await admin.query(
      `INSERT INTO af_task_assignment (task_id, attempt, device_id, status, claim_token, assigned_at, completed_at, deadline_at, created_at)
       SELECT id, 1, CONCAT('device-', LPAD(id % ${DEVICES}, 4, '0')), ELT(FIELD(status, 'done', 'failed', 'cancelled', 'running'), 'completed', 'failed', 'cancelled', 'running'), '',
         created_at, finished_at, created_at + INTERVAL 1 HOUR, created_at
       FROM af_crawl_task WHERE id >= ? AND status <> 'pending'`,
      [insertId],
    );
    if (from % 1_000_000 === 0) process.stderr.write(`${from + size} tasks\n`);
  }
  await admin.query(
    `INSERT INTO af_device (device_id, device_name, device_type, ip_address, port, status, max_concurrent_tasks, last_heartbeat)
     SELECT CONCAT('device-', LPAD(n, 4, '0')), 'bench', 'worker', '127.0.0.1', 0, 'online', 5, UTC_TIMESTAMP(3) FROM numbers WHERE n < ${DEVICES}`,
  );
  for (const table of ['af_crawl_task', 'af_task_assignment', 'af_device']) await admin.query(`ANALYZE TABLE ${table}`);
}

async function startGateway() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  gateway = spawn(process.execPath, [BIN, 'gateway', '--port', String(port)], {
    cwd: dir,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const at = `http://127.0.0.1:${port}`;
  for (const end = performance.now() + 60_000; performance.now() < end; await pause(100)) {
    if (
      await fetch(`${at}/healthz`).then(
        (one) => one.ok,
        () => false,
      )
    )
      return at;
  }
  throw new Error('the gateway did not answer within 60 s');
}

async function paths(at) {
  const tasks = '/api/v1/tasks';
  const page = async (query) => (await (await fetch(`${at}${tasks}?${query}`)).json()).cursor;
  const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString();
  const span = rows / 86_400;
  return {
    'newest tasks': tasks,
    'second page': `${tasks}?cursor=${await page('')}`,
    'a page of 500': `${tasks}?limit=500`,
    'status=pending (few)': `${tasks}?status=pending`,
    'status=failed (many)': `${tasks}?status=failed`,
    'status=failed,cancelled,running': `${tasks}?status=failed,cancelled,running`,
    'pending of one type': `${tasks}?status=pending&task_type=sync_apps`,
    'failed of one user': `${tasks}?status=failed&username=user33@example.com`,
    'a type that is rare': `${tasks}?task_type=rare`,
    'that, continued': `${tasks}?task_type=rare&cursor=${await page('task_type=rare')}`,
    'one user': `${tasks}?username=user7@example.com`,
    'an error that is rare': `${tasks}?error=needle`,
    'what nothing has': `${tasks}?username=nobody`,
    'one device': `${tasks}?device_id=device-0007`,
    'failed on one device': `${tasks}?device_id=device-0007&status=failed`,
    'a device that ran nothing': `${tasks}?device_id=device-none`,
    'a range of days': `${tasks}?created_from=${day(span / 2)}&created_to=${day(span / 3)}`,
    'ended today': `${tasks}?finished_from=${day(1)}`,
    'one key': `${tasks}?dedupe_key=key-77`,
    'one task': `${tasks}/100`,
    devices: '/api/v1/devices',
    'devices, a page of 500': '/api/v1/devices?limit=500',
    'map of devices': '/api/v1/devices/map',
    overview: '/api/v1/overview',
    lanes: '/api/v1/lanes',
  };
}

async function measure(name, address) {
  const times = [];
  let answer;
  for (let n = 0; n < requests; n += 1) {
    const begun = performance.now();
    const response = await fetch(address);
    answer = await response.json();
    if (response.status !== 200) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(10 * times[Math.min(times.length - 1, Math.floor(times.length * share))]) / 10;
  const items = (answer.tasks ?? answer.devices ?? answer.lanes ?? []).length;
  return { list: name, p50_ms: at(0.5), p95_ms: at(0.95), items, searched_to: answer.searched_to ?? undefined };
}
