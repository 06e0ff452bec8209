// What one attempt and one device cost the database, and what follows for large fleets: the tables of docs/explain/scale.md.
//   node bench/scale-constants.mjs [--url mysql://root@localhost/?socket=/run/mysqld/mysqld.sock] [--tasks 20000] [--workers 4]
//     [--seconds 30] [--write]
// --url: a server with a binary log, and an account that may do everything; it makes and drops a schema of its own. Without it a
// private MariaDB, which has no binary log.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { machine } from './machine.mjs';
import { modelTable } from './scale-model.mjs';
import { cpuMs, pidOfServer } from './servers/server-pid.mjs';

await bootstrap();
const text = { type: 'string' };
const { values: given } = parseArgs({
  options: {
    ...{ url: text, tasks: { ...text, default: '20000' }, workers: { ...text, default: '4' } },
    ...{ seconds: { ...text, default: '30' }, write: { type: 'boolean', default: false } },
  },
});
const [TASKS, WORKERS, SECONDS] = [given.tasks, given.workers, given.seconds].map(Number);
const SLOTS = 10;
const SETTLE_MS = 15_000;
const SESSIONS = 200;
/** Of an attempt: longer than a claim takes, so that ends come one by one as those of a crawler do, and not in batches. */
const WAITS_MS = 250;
const PAGE = fileURLToPath(new URL('../docs/explain/scale.md', import.meta.url));
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const core = (path) => import(new URL(`../dist/core/${path}`, import.meta.url).href);

const { Servers } = await import('./servers/servers.mjs');
const servers = new Servers({ install: false });
const server = new URL(given.url ?? (await servers.get('mariadb')).url);
const schema = `afd_scale_${process.pid}`;
const own = new URL(server);
own.pathname = `/${schema}`;
const socket = server.searchParams.get('socket');
const login = { user: decodeURIComponent(server.username), password: decodeURIComponent(server.password) };
const at = socket === null ? { host: server.hostname, port: Number(server.port || 3306) } : { socketPath: socket };
const admin = await mysql.createConnection({ ...at, ...login });
const rows = async (sql, values) => (await admin.query(sql, values))[0];
const [{ port }] = await rows('SELECT @@port AS port');
const pid = pidOfServer(at) ?? pidOfServer({ host: '127.0.0.1', port });
const dir = mkdtempSync(join(tmpdir(), 'afd-scale-'));
const children = new Set();

try {
  await rows(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
  await rows(`USE ${schema}`);
  const constants = await measured();
  const about = await aboutServer();
  const printed = tables(constants, about);
  console.log(printed);
  if (given.write) write(printed);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rows(`DROP DATABASE IF EXISTS ${schema}`);
  await admin.end();
  await servers.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function measured() {
  const { migrateUp } = await core('db/migrate/migrator.js');
  const { tableNames } = await core('db/table-names.js');
  await migrateUp({ ...at, ...login, database: schema }, tableNames({ task: 'af_crawl_task', prefix: 'af_' }));
  writeFileSync(
    join(dir, 'report.mjs'),
    `import { setTimeout } from 'node:timers/promises';
export default () => setTimeout(${WAITS_MS}, { rows: 1834 });`,
  );
  const config = {
    ...{ database: { url: own.href }, log: { level: 'error' } },
    ...{ handlers: { report: { module: './report.mjs', isolation: 'none' } } },
  };
  writeFileSync(join(dir, 'afd.yaml'), JSON.stringify(config));
  const lines = Array.from({ length: TASKS }, (_, n) => JSON.stringify(task(n))).join('\n');
  writeFileSync(join(dir, 'tasks.jsonl'), `${lines}\n`);
  const enqueue = await cost(() => finished(afd('tasks', 'import', join(dir, 'tasks.jsonl'))));
  const attempt = await cost(async () => {
    const fleet = workers(WORKERS, 0, '--drain');
    await Promise.all(fleet.map(finished));
  });
  const sizes = await tableSizes();
  const leader = workers(1);
  await pause(SETTLE_MS);
  const alone = await cost(() => pause(SECONDS * 1000));
  const others = workers(WORKERS, 1);
  const fleet = [...leader, ...others];
  await pause(SETTLE_MS);
  const [{ n: connections }] = await rows('SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE DB = ?', [
    schema,
  ]);
  const idle = await cost(() => pause(SECONDS * 1000));
  for (const child of fleet) child.kill('SIGTERM');
  await Promise.all(fleet.map(finished));
  return {
    enqueue: scaled(enqueue, TASKS),
    attempt: scaled(attempt, TASKS),
    // Without what the one that leads costs in addition.
    device: scaled(difference(idle, alone), WORKERS * SECONDS),
    leader: scaled(alone, SECONDS),
    connections: (connections - 1) / fleet.length,
    connectionBytes: await memoryOfConnection(),
    sizes,
  };
}

/** As the first users have them: an account, an app and a day. */
function task(n) {
  const day = `2026-01-${String((n % 28) + 1).padStart(2, '0')}`;
  const task_data = { account: `account-${n % 40}`, app_id: `id${100_000_000 + n}`, day, report: 'installs' };
  return { task_type: 'report', username: `account-${n % 40}`, task_data, dedupe_key: `report:${n}:${day}` };
}

function afd(...words) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' };
  const child = spawn(process.execPath, [BIN, ...words, '--config', join(dir, 'afd.yaml')], {
    ...{ cwd: dir, env, stdio: ['ignore', 'ignore', 'inherit'] },
  });
  children.add(child);
  return child;
}

/** `known`: how many there are already. */
function workers(count, known = 0, ...words) {
  return Array.from({ length: count }, (_, n) =>
    afd('worker', '--device-id', `w${known + n + 1}`, '--slots', String(SLOTS), ...words),
  );
}

async function finished(child) {
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
  children.delete(child);
  if (code !== 0) throw new Error(`${child.spawnargs.slice(2, 5).join(' ')} ended with ${code}`);
}

/** What the server did meanwhile, by its own counters. */
async function cost(work) {
  const before = await counters();
  await work();
  const after = await counters();
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]]));
}

async function counters() {
  const names = ['Bytes_received', 'Bytes_sent', 'Innodb_os_log_written', 'Innodb_data_fsyncs'];
  const status = await rows('SHOW GLOBAL STATUS WHERE Variable_name IN (?)', [names]);
  // Each statement of a packet by itself.
  const ran = await rows(
    "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' AND Variable_name NOT LIKE 'Com\\_show%'",
  );
  const [{ on }] = await rows('SELECT @@log_bin AS `on`');
  const logs = on === 1 ? await rows('SHOW BINARY LOGS') : [];
  return {
    ...Object.fromEntries(status.map((row) => [row.Variable_name, Number(row.Value)])),
    statements: ran.reduce((sum, row) => sum + Number(row.Value), 0),
    binlog: on === 1 ? logs.reduce((sum, row) => sum + Number(row.File_size), 0) : Number.NaN,
    cpuUs: pid === undefined ? Number.NaN : 1000 * cpuMs(pid),
  };
}

function difference(more, less) {
  return Object.fromEntries(Object.entries(more).map(([name, value]) => [name, value - less[name]]));
}

function scaled(counted, by) {
  return Object.fromEntries(Object.entries(counted).map(([name, value]) => [name, value / by]));
}

/** Bytes of each table and of its indexes, for each task. */
async function tableSizes() {
  const names = ['af_crawl_task', 'af_task_assignment'];
  await rows(`ANALYZE TABLE ${names.join(', ')}`);
  // MySQL answers from a copy that is a day old otherwise.
  await rows('SET SESSION information_schema_stats_expiry = 0').catch(() => {});
  const found = await rows(
    `SELECT TABLE_NAME AS name, DATA_LENGTH AS data, INDEX_LENGTH AS indexes FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)`,
    [schema, names],
  );
  return Object.fromEntries(found.map((row) => [row.name, { data: row.data / TASKS, indexes: row.indexes / TASKS }]));
}

async function memoryOfConnection() {
  if (pid === undefined) return Number.NaN;
  const rss = () => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const before = rss();
  const open = [];
  for (let n = 0; n < SESSIONS; n += 1) {
    const one = await mysql.createConnection({ ...at, ...login, database: schema });
    await one.query('SELECT * FROM af_device');
    open.push(one);
  }
  const bytes = (rss() - before) / SESSIONS;
  await Promise.all(open.map((one) => one.end()));
  return bytes;
}

async function aboutServer() {
  const [row] = await rows(
    'SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS redo, @@sync_binlog AS sync',
  );
  const label = /mariadb/i.test(row.version) ? 'MariaDB' : 'MySQL';
  const durable = `innodb_flush_log_at_trx_commit=${row.redo}, sync_binlog=${row.sync}`;
  return `${label} ${row.version.split('-')[0]}, ${durable}; ${await machine()}`;
}

function tables(constants, about) {
  const { enqueue, attempt, device, leader, sizes } = constants;
  const line = (what, of) => `| ${what} | ${[enqueue, attempt, device, leader].map(of).join(' | ')} |`;
  const number =
    (name, digits = 0) =>
    (one) =>
      Number.isNaN(one[name]) ? '–' : one[name].toFixed(digits);
  const total = Object.values(sizes).reduce((sum, one) => sum + one.data + one.indexes, 0);
  const kb = (bytes) => (bytes / 1000).toFixed(1);
  return [
    `Measured on ${about}.`,
    '',
    '| cost | a task that is added | an attempt | an idle device, each second | one that leads, each second |',
    '| --- | --- | --- | --- | --- |',
    line('statements', number('statements', 2)),
    line('bytes to the server', number('Bytes_received')),
    line('bytes from the server', number('Bytes_sent')),
    line('bytes of redo log', number('Innodb_os_log_written')),
    line('bytes of binary log', number('binlog')),
    line('flushes to disk', number('Innodb_data_fsyncs', 2)),
    line('processor time of the server, µs', number('cpuUs')),
    '',
    '| kept for each task that ran once | rows, kB | indexes, kB |',
    '| --- | --- | --- |',
    ...Object.entries(sizes).map(([name, one]) => `| \`${name}\` | ${kb(one.data)} | ${kb(one.indexes)} |`),
    '',
    `A device has ${constants.connections.toFixed(1)} connections of ${kb(constants.connectionBytes)} kB each in the server.`,
    '',
    ...modelTable({ ...constants, keptBytes: total }),
  ].join('\n');
}

function write(printed) {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = ['<!-- constants -->', '<!-- /constants -->'].map((mark) => page.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the constants`);
  writeFileSync(PAGE, `${page.slice(0, begin)}<!-- constants -->\n${printed}\n${page.slice(end)}`);
}
