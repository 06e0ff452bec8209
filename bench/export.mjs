// Seconds, rows per second and memory of `afd tasks export`, on the database of AFD_DATABASE_URL (migrated). Its tasks are
// removed again.
//   AFD_DATABASE_URL=mysql://… node bench/export.mjs [rows]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

const rows = Number(process.argv[2] ?? 1_000_000);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const url = process.env.AFD_DATABASE_URL;
if (url === undefined) throw new Error('AFD_DATABASE_URL is not set');
const [TASK, ATTEMPT, TYPE] = ['af_crawl_task', 'af_task_assignment', 'bench_export'];
const CHUNK = 20_000;

const dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
const connection = await mysql.createConnection(url);
const clear = async () => {
  for (;;) {
    const [ids] = await connection.query(`SELECT id FROM ${TASK} WHERE task_type = ? LIMIT ${CHUNK}`, [TYPE]);
    if (ids.length === 0) return;
    const list = ids.map(({ id }) => id);
    await connection.query(`DELETE FROM ${ATTEMPT} WHERE task_id IN (?)`, [list]);
    await connection.query(`DELETE FROM ${TASK} WHERE id IN (?)`, [list]);
  }
};

/** Tasks that are done, each with one attempt and a result of some hundred bytes. */
async function fill() {
  for (let n = 0; n < rows; n += CHUNK) {
    const tasks = Array.from({ length: Math.min(CHUNK, rows - n) }, (_, i) => [
      ...[TYPE, 'done', `{"page":${n + i}}`, `user${i % 100}@example.com`, `com.example.app${n + i}`],
      ...['2024-01-01', 5, 1],
    ]);
    const [{ insertId }] = await connection.query(
      `INSERT INTO ${TASK} (task_type, status, task_data, username, app_id, start_date, priority, attempt) VALUES ?`,
      [tasks],
    );
    const text = '数据 and text, "quoted"; '.repeat(10);
    const attempts = tasks.map((_, i) => [
      ...[
        insertId + i,
        'bench-device',
        'completed',
        1,
        '2024-01-01 00:00:00',
        '2024-01-01 00:00:01',
        '2024-01-01 00:00:02',
      ],
      JSON.stringify({ rows: i, text }),
    ]);
    await connection.query(
      `INSERT INTO ${ATTEMPT} (task_id, device_id, status, attempt, assigned_at, started_at, completed_at, result) VALUES ?`,
      [attempts],
    );
  }
}

/** The export as a process, with the most memory that it had. */
async function run(format) {
  const file = join(dir, `tasks.${format}`);
  const began = performance.now();
  const child = spawn(process.execPath, [BIN, 'tasks', 'export', '--type', TYPE, '-o', file, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let [said, most] = ['', 0];
  child.stdout.on('data', (part) => {
    said += part;
  });
  // The highest that the kernel has seen, in kB.
  const timer = setInterval(() => {
    try {
      most = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? most);
    } catch {}
  }, 100);
  const [code] = await once(child, 'close');
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0 || JSON.parse(said).tasks !== rows) throw new Error(`exit code ${code}: ${said}`);
  const mib = (bytes) => `${Math.round(bytes / 1024 / 1024)} MiB`;
  const rate = `${Math.round(rows / seconds)} rows/s`;
  console.log(
    `${format.padEnd(6)} ${seconds.toFixed(1)} s, ${rate}, file ${mib(statSync(file).size)}, memory ${mib(most * 1024)}`,
  );
  rmSync(file);
}

try {
  const [[{ version }]] = await connection.query('SELECT VERSION() AS version');
  console.log(`${rows} rows, ${version}`);
  await clear();
  await fill();
  for (const format of ['csv', 'jsonl']) await run(format);
} finally {
  await clear();
  await connection.end();
  rmSync(dir, { recursive: true });
}
