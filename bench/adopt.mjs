// Adoption of a big T1 table while a writer and a reader go on: how long it takes, and how long the writer stands still.
//   node bench/adopt.mjs mysql://user:password@host:port/ [rows]
// Makes a schema of its own and drops it again. Needs dist (npm run build).
import mysql from 'mysql2/promise';
import { migrateUp } from '../dist/core/db/migrate/migrator.js';
import { tableNames } from '../dist/core/db/table-names.js';

const url = new URL(process.argv[2] ?? process.env.AFD_TEST_DATABASE_URL ?? '');
const rows = Number(process.argv[3] ?? 1_000_000);
const database = `afd_bench_adopt_${process.pid}`;
const socket = url.searchParams.get('socket');
const address = {
  ...(socket === null ? { host: url.hostname, port: Number(url.port || 3306) } : { socketPath: socket }),
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
};
const connect = () => mysql.createConnection({ ...address, database, dateStrings: true });

const admin = await mysql.createConnection(address);
await admin.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
try {
  await admin.query(`USE \`${database}\``);
  await fill(admin);
  console.log(JSON.stringify(await measure()));
} finally {
  await admin.query(`DROP DATABASE \`${database}\``);
  await admin.end();
}

async function fill(to) {
  await to.query(`CREATE TABLE af_crawl_tasks (
    id INT AUTO_INCREMENT PRIMARY KEY, task_type VARCHAR(32) NOT NULL, username VARCHAR(255) NOT NULL,
    app_id VARCHAR(128) NULL, start_date DATE NULL, end_date DATE NULL, retry INT DEFAULT 0,
    status ENUM('pending','running','failed','done') DEFAULT 'pending', next_run_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    KEY idx_status_next(status, next_run_at)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`);
  const one = (n) =>
    `('${n % 2 ? 'app_data' : 'user_apps'}','account-${n % 500}@example.com','com.example.app${n % 300}','2025-01-01','2025-01-01',${n % 4},'${['pending', 'done', 'done', 'failed', 'done'][n % 5]}',NOW() - INTERVAL ${n % 90} DAY)`;
  for (let from = 0; from < rows; from += 5000) {
    const some = Array.from({ length: Math.min(5000, rows - from) }, (_, n) => one(from + n));
    await to.query(
      `INSERT INTO af_crawl_tasks (task_type, username, app_id, start_date, end_date, retry, status, next_run_at) VALUES ${some}`,
    );
  }
}

/** One statement after the other until stopped; the time that each took. */
function loop(statement) {
  const took = [];
  let going = true;
  const done = (async () => {
    const connection = await connect();
    while (going) {
      const begin = performance.now();
      await statement(connection, took.length);
      took.push(performance.now() - begin);
    }
    await connection.end();
  })();
  return {
    took,
    async stop() {
      going = false;
      await done;
    },
  };
}

async function measure() {
  const writer = loop((connection, n) =>
    connection.query('INSERT INTO af_crawl_tasks VALUES (NULL, ?, ?, NULL, NULL, NULL, 0, ?, NOW(), NOW(), NOW())', [
      'app_data',
      `writer-${n}`,
      'pending',
    ]),
  );
  const updater = loop((connection, n) =>
    connection.query("UPDATE af_crawl_tasks SET status = 'done' WHERE id = ?", [1 + ((n * 7919) % rows)]),
  );
  const reader = loop((connection) =>
    connection.query("SELECT * FROM af_crawl_tasks WHERE status = 'pending' ORDER BY next_run_at LIMIT 10"),
  );
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const calm = { writer: figures(writer.took), updater: figures(updater.took), reader: figures(reader.took) };
  for (const one of [writer, updater, reader]) one.took.length = 0;
  const steps = [];
  let begun = 0;
  const begin = performance.now();
  await migrateUp({ ...address, database }, tableNames({ task: 'af_crawl_tasks', prefix: 'af_' }), {
    zone: '+00:00',
    onStatement(sql, when) {
      if (when === 'before') begun = performance.now();
      else if (sql.startsWith('ALTER TABLE `af_crawl_tasks`')) {
        steps.push({ step: sql.slice(29, 52), ms: Math.round(performance.now() - begun) });
      }
    },
  });
  const seconds = (performance.now() - begin) / 1000;
  const during = { writer: figures(writer.took), updater: figures(updater.took), reader: figures(reader.took) };
  await Promise.all([writer.stop(), updater.stop(), reader.stop()]);
  const [[server]] = await admin.query('SELECT VERSION() AS version');
  return { server: server.version, rows, seconds: Number(seconds.toFixed(2)), steps, calm, during };
}

function figures(took) {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1));
  return { n: sorted.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}
