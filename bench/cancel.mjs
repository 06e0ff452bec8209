// How long a running task lives after `afd tasks cancel`: two workers run commands and modules, each task is cancelled by a
// process of its own. On the database of AFD_DATABASE_URL (migrated), which must have no other workers and no due tasks.
//   AFD_DATABASE_URL=mysql://… node bench/cancel.mjs [tasks]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

const count = Number(process.argv[2] ?? 20);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const url = process.env.AFD_DATABASE_URL;
if (url === undefined) throw new Error('AFD_DATABASE_URL is not set');
const TYPES = ['bench_cancel_command', 'bench_cancel_module'];
const WAIT_MS = 60_000;

const dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
const connection = await mysql.createConnection(url);
const workers = [];
const afd = (...args) => [process.execPath, [BIN, ...args, '--config', join(dir, 'afd.yaml')]];

async function until(ask, what) {
  for (const end = performance.now() + WAIT_MS; performance.now() < end; await pause(5)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what} did not come within ${WAIT_MS / 1000} s`);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function prepare() {
  writeFileSync(join(dir, 'long.sh'), `echo $$ > "begun-$AFD_TASK_ID"; exec sleep 3600\n`);
  writeFileSync(
    join(dir, 'long.mjs'),
    `import { writeFileSync } from 'node:fs';
const told = (name) => writeFileSync(new URL(name, import.meta.url), '1');
export default async (task, ctx) => {
  told('begun-' + task.task_id);
  await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
  told('aborted-' + task.task_id);
  // What returns is done: its result arrived first.
  throw new Error('aborted');
};\n`,
  );
  const [command, module] = TYPES;
  const handlers = { [command]: { exec: ['sh', 'long.sh'] }, [module]: { module: './long.mjs' } };
  writeFileSync(join(dir, 'afd.yaml'), JSON.stringify({ handlers }));
}

/** Milliseconds from the start of the command, and from its request by the database's clock, until nothing of it runs. */
async function cancel({ id, type }) {
  const pid = type === TYPES[0] ? Number(readFileSync(join(dir, `begun-${id}`), 'utf8')) : undefined;
  const began = performance.now();
  const child = spawn(...afd('tasks', 'cancel', String(id)), { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  await until(
    () => (pid === undefined ? existsSync(join(dir, `aborted-${id}`)) : !isAlive(pid)),
    `the end of task ${id}`,
  );
  const whole = performance.now() - began;
  if ((await ended)[0] !== 0) throw new Error(`task ${id} could not be cancelled`);
  const [row] = await until(async () => {
    const [rows] = await connection.query(
      `SELECT TIMESTAMPDIFF(MICROSECOND, a.revoked_at, a.completed_at) / 1000 AS ms
       FROM af_crawl_task t JOIN af_task_assignment a ON a.task_id = t.id AND a.attempt = t.attempt
       WHERE t.id = ? AND t.status = 'cancelled' AND a.status = 'cancelled'`,
      [id],
    );
    return rows.length === 1 ? rows : undefined;
  }, `the status of task ${id}`);
  return { type, whole, stored: Number(row.ms) };
}

const figures = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${Math.round(sorted[Math.floor((sorted.length - 1) / 2)])} ms, longest ${Math.round(sorted.at(-1))} ms`;
};

try {
  prepare();
  const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ task_type: TYPES[n % 2] })).join('\n');
  const added = spawnSync(...afd('tasks', 'import', '-', '--format', 'jsonl'), { input: lines, encoding: 'utf8' });
  if (added.status !== 0) throw new Error(added.stderr);
  for (const id of ['bench-cancel-1', 'bench-cancel-2']) {
    const args = ['worker', '--device-id', id, '--slots', String(Math.ceil(count / 2))];
    workers.push(spawn(...afd(...args), { stdio: 'ignore', cwd: dir }));
  }
  const [tasks] = await connection.query(
    'SELECT id, task_type AS type FROM af_crawl_task WHERE task_type IN (?) AND status IN (?)',
    [TYPES, ['pending', 'running']],
  );
  await until(() => tasks.every(({ id }) => existsSync(join(dir, `begun-${id}`))), 'the start of all tasks');
  const results = [];
  for (const task of tasks) results.push(await cancel(task));
  for (const type of TYPES) {
    const own = results.filter((one) => one.type === type);
    console.log(`${own.length} of ${type}`);
    console.log(
      `  from the request until the end is stored (database clock): ${figures(own.map((one) => one.stored))}`,
    );
    console.log(`  from the start of afd tasks cancel until nothing runs: ${figures(own.map((one) => one.whole))}`);
  }
} finally {
  for (const worker of workers) {
    worker.kill('SIGTERM');
    if (worker.exitCode === null) await once(worker, 'exit');
  }
  const own = 'SELECT id FROM af_crawl_task WHERE task_type IN (?)';
  await connection.query(`DELETE FROM af_task_assignment WHERE task_id IN (${own})`, [TYPES]);
  await connection.query('DELETE FROM af_crawl_task WHERE task_type IN (?)', [TYPES]);
  await connection.end();
  rmSync(dir, { recursive: true });
}
