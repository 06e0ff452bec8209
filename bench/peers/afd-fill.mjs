// Fills afd's task table on the server itself, by INSERT … SELECT.
import mysql from 'mysql2/promise';

const CHUNK = 100_000;
const DIGITS =
  '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
const NUMBERS = `(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
  FROM ${DIGITS} a, ${DIGITS} b, ${DIGITS} c, ${DIGITS} d, ${DIGITS} e) numbers`;

/** Tasks that have long been done. */
export function fillFinished(store, count) {
  return fill(store, count, {
    columns: 'task_type, task_data, status, attempt, finished_at',
    values: `'bench', JSON_OBJECT('id', n), 'done', 1, UTC_TIMESTAMP(3)`,
  });
}

/** Tasks of the best rank that are due in a year. */
export function fillLater(store, count) {
  return fill(store, count, {
    columns: 'task_type, task_data, priority, next_run_at',
    values: `'bench', JSON_OBJECT('id', n), 10, NOW() + INTERVAL 365 DAY`,
  });
}

async function fill(store, count, { columns, values }, chunk = CHUNK) {
  for (let done = 0; done < count; done += chunk) {
    const most = Math.min(chunk, count - done);
    await store.query(
      `INSERT INTO ${store.names.task} (${columns}) SELECT ${values} FROM ${NUMBERS} WHERE n < ${most}`,
    );
  }
}

/** A transaction that sees the table as it is now, until the function that this returns is called. */
export async function holdSnapshot(store) {
  const connection = await mysql.createConnection(store.address);
  await connection.query('SET SESSION wait_timeout = 28800');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  await connection.query(`SELECT id FROM ${store.names.task} LIMIT 1`);
  return () => connection.end();
}

/** A transaction that has added `count` due tasks of a type and has not committed; what this returns undoes it, and waits for that. */
export async function holdInsert(store, type, count) {
  const connection = await mysql.createConnection(store.address);
  await connection.query('SET SESSION wait_timeout = 28800');
  await connection.query('START TRANSACTION');
  const columns = { columns: 'task_type, task_data', values: `${connection.escape(type)}, JSON_OBJECT('id', n)` };
  await fill({ names: store.names, query: (sql) => connection.query(sql) }, count, columns, 1000);
  return async () => {
    await connection.query('ROLLBACK');
    await connection.end();
  };
}
