// Writes the list of a server's errors that test/unit/core/db/error-kinds.test.ts walks: number, name, SQLSTATE (HY000 left out).
//   node scripts/server-errors.mjs mariadb <sql/share/errmsg-utf8.txt of its sources> > test/fixtures/server-errors/mariadb.txt
//   node scripts/server-errors.mjs mysql <mysql:// URL, may read performance_schema>  > test/fixtures/server-errors/mysql.txt
import { readFileSync } from 'node:fs';
import mysql from 'mysql2/promise';

const [kind, source] = process.argv.slice(2);
if (!['mariadb', 'mysql'].includes(kind) || source === undefined) {
  console.error('Usage: node scripts/server-errors.mjs mariadb <errmsg-utf8.txt> | mysql <url>');
  process.exit(2);
}
const errors = kind === 'mariadb' ? fromMessages(readFileSync(source, 'utf8')) : await fromServer(source);
// From 10000 on they go to a server's log, and never to a client.
const lines = errors
  .filter((one) => one.number < 10_000)
  .map(({ number, name, state }) => [number, name, ...(state === 'HY000' ? [] : [state])].join(' '));
process.stdout.write(`${lines.join('\n')}\n`);

/** A name begins a line; its translations are indented. Numbers count up from the last `start-error-number`. */
function fromMessages(text) {
  const found = [];
  let number = 0;
  for (const line of text.split('\n')) {
    const start = /^(?:start|skip-to)-error-number (\d+)/.exec(line);
    if (start !== null) number = Number(start[1]);
    const error = /^((?:ER|WARN)_\w+)(?:\s+([0-9A-Z]{5}))?/.exec(line);
    if (error === null) continue;
    // Its own numbers stay reserved when they are not used.
    if (!/_UNUSED|UNUSED_/.test(error[1])) found.push({ number, name: error[1], state: error[2] ?? 'HY000' });
    number += 1;
  }
  return found;
}

async function fromServer(url) {
  const connection = await mysql.createConnection(url);
  const [rows] = await connection.query(
    `SELECT ERROR_NUMBER AS number, ERROR_NAME AS name, SQL_STATE AS state
     FROM performance_schema.events_errors_summary_global_by_error
     WHERE ERROR_NUMBER IS NOT NULL AND ERROR_NAME NOT LIKE '%OBSOLETE%' ORDER BY ERROR_NUMBER`,
  );
  await connection.end();
  return rows;
}
