// Rows per second of `afd tasks import`, on the database of AFD_DATABASE_URL (migrated). Its tasks are removed again.
//   AFD_DATABASE_URL=mysql://… node bench/import.mjs [rows]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

const rows = Number(process.argv[2] ?? 100_000);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const url = process.env.AFD_DATABASE_URL;
if (url === undefined) throw new Error('AFD_DATABASE_URL is not set');
const TABLE = 'af_crawl_task';
const TYPE = 'bench_import';

const dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
const connection = await mysql.createConnection(url);
const clear = async () => {
  for (;;) {
    const [{ affectedRows }] = await connection.query(`DELETE FROM ${TABLE} WHERE task_type = ? LIMIT 10000`, [TYPE]);
    if (affectedRows === 0) return;
  }
};
try {
  const task = (n) => ({
    username: `user${n % 100}@example.com`,
    app_id: `com.example.app${n}`,
    start_date: '2024-01-01',
  });
  const line = {
    csv: (n, keyed) => {
      const { username, app_id, start_date } = task(n);
      return `${TYPE},"{""page"":${n}}",${username},${app_id},${start_date},${start_date},5,${keyed ? `bench ${n}` : ''}`;
    },
    jsonl: (n, keyed) =>
      JSON.stringify({
        ...{ task_type: TYPE, task_data: { page: n }, ...task(n), priority: 5 },
        ...(keyed ? { dedupe_key: `bench ${n}` } : {}),
      }),
  };
  const header = 'task_type,task_data,username,app_id,start_date,end_date,priority,dedupe_key';
  const run = (name, file, ...flags) => {
    const began = performance.now();
    const child = spawnSync(process.execPath, [BIN, 'tasks', 'import', file, '--json', ...flags], { encoding: 'utf8' });
    const seconds = (performance.now() - began) / 1000;
    if (child.status !== 0) throw new Error(`${name}: ${child.stdout}${child.stderr}`);
    const { added, existing } = JSON.parse(child.stdout);
    const rate = Math.round(rows / seconds);
    console.log(
      `${name.padEnd(34)} ${seconds.toFixed(1).padStart(6)} s ${String(rate).padStart(7)} rows/s  added ${added}, existing ${existing}`,
    );
  };
  const [[{ version }]] = await connection.query('SELECT VERSION() AS version');
  console.log(`${rows} rows, ${version}`);
  await clear();
  for (const format of ['csv', 'jsonl']) {
    for (const keyed of [false, true]) {
      const file = join(dir, `${keyed ? 'keyed' : 'plain'}.${format}`);
      const lines = Array.from({ length: rows }, (_, n) => line[format](n, keyed));
      writeFileSync(file, `${[...(format === 'csv' ? [header] : []), ...lines].join('\n')}\n`);
      run(`${format}${keyed ? ', dedupe keys' : ''}`, file);
      if (keyed) run(`${format}, dedupe keys, again`, file);
      await clear();
      if (keyed) {
        run(`${format}, dedupe keys, --atomic`, file, '--atomic');
        await clear();
      }
    }
  }
} finally {
  await clear();
  await connection.end();
  rmSync(dir, { recursive: true });
}
