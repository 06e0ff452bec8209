// Every generated column for the extremes of what it is made of: in a fresh table and in adopted ones, on this server. What
// cannot be computed cannot be changed, not even by the UPDATE that would set the row aside.
import { afterEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { type OldDatabase, oldDatabase, T1 } from './old-table.ts';

let db: OldDatabase;
afterEach(() => db.drop());

const EPOCH = '1970-01-01 00:00:00.000';
/** As typed, and the due_at that it must have: a pattern, since columns have from none to six digits of a second. */
const MOMENTS: Array<[string, RegExp]> = [
  ["'0000-00-00 00:00:00'", new RegExp(EPOCH)],
  ["'2026-00-00 10:00:00'", new RegExp(EPOCH)],
  ["'2026-05-00 00:00:00'", new RegExp(EPOCH)],
  ["'0000-01-01 00:00:00'", new RegExp(EPOCH)],
  ["'1000-01-01 00:00:00'", new RegExp(EPOCH)],
  ["'1969-12-31 23:59:59'", new RegExp(EPOCH)],
  ["'1970-01-01 00:00:00.0005'", /^1970-01-01 00:00:00\.00[01]$/],
  ["'2038-01-19 03:14:08'", /^2038-01-19 03:14:08\.000$/],
  ["'9999-12-31 23:59:59'", /^9999-12-31 23:59:59\.000$/],
  ["'9999-12-31 23:59:59.499'", /^9999-12-31 23:59:59\.000$/],
  ["'9999-12-31 23:59:59.999'", /^(9999-12-31 23:59:59\.000|1970-01-01 00:00:00\.000)$/],
  ["'9999-12-31 23:59:59.999999'", /^(9999-12-31 23:59:59\.000|1970-01-01 00:00:00\.000)$/],
  ['NULL', new RegExp(EPOCH)],
];

/** Inserts as a program that is not strict, and changes each row as afd does, in its strict mode. */
async function exercise(rows: Array<{ columns: string; values: string }>) {
  const afd = await db.session();
  const found = [];
  for (const { columns, values } of rows) {
    await db.admin.write(`INSERT INTO ${db.names.task} (${columns}) VALUES (${values})`);
    const [row] = await db.admin.rows(
      `SELECT id, due_at, claim_rank, LENGTH(lane) AS lane FROM ${db.names.task} ORDER BY id DESC LIMIT 1`,
    );
    const written = await afd.write(
      `UPDATE ${db.names.task} SET status = 'running', attempt = attempt + 1 WHERE id = ?`,
      [row?.id],
    );
    expect(written.affectedRows, values).toBe(1);
    found.push(row);
  }
  return found;
}

const tables: Array<[string, string[]]> = [
  ['a fresh table', []],
  ['an adopted T1 table', [T1]],
  ...['DATETIME', 'DATETIME(3)', 'DATETIME(6)'].flatMap(
    (type): Array<[string, string[]]> => [
      [
        `an adopted table with times of ${type} NULL`,
        [T1, `ALTER TABLE af_crawl_tasks MODIFY next_run_at ${type} NULL, MODIFY created_at ${type} NULL`],
      ],
      [
        `an adopted table with times of ${type} NOT NULL`,
        [
          T1,
          `ALTER TABLE af_crawl_tasks MODIFY next_run_at ${type} NOT NULL DEFAULT '1970-01-02 00:00:00', MODIFY created_at ${type} NOT NULL`,
        ],
      ],
    ],
  ),
];

async function made(create: string[]) {
  db = await oldDatabase(create);
  if (create.length === 0) await migrateUp(db.address, db.names);
  else await db.migrate();
}

describe('finding F8: a generated column has a value for every extreme, and the row can be changed', () => {
  it.each(tables)('due_at of %s', async (_, create) => {
    await made(create);
    const nullable = !create.join().includes('NOT NULL DEFAULT');
    const moments = MOMENTS.filter(([typed]) => nullable || typed !== 'NULL');
    const rows = await exercise(
      moments.map(([typed]) => ({
        columns: 'task_type, username, next_run_at, created_at',
        values: `'t', 'u', ${typed}, '1970-01-01 00:00:00'`,
      })),
    );
    for (const [n, [typed, expected]] of moments.entries()) expect(rows[n]?.due_at, typed).toMatch(expected);
    if (!nullable) return;
    // created_at stands in for next_run_at.
    const again = await exercise(
      moments.map(([typed]) => ({
        columns: 'task_type, username, next_run_at, created_at',
        values: `'t', 'u', NULL, ${typed}`,
      })),
    );
    for (const [n, [typed, expected]] of moments.entries()) expect(again[n]?.due_at, typed).toMatch(expected);
  });

  it('rows with such dates that are there already do not keep a table from being adopted', async () => {
    const insert = (typed: string) =>
      `INSERT INTO af_crawl_tasks (task_type, username, next_run_at, created_at) VALUES ('t', 'u', ${typed}, ${typed})`;
    const fine = 'ALTER TABLE af_crawl_tasks MODIFY next_run_at DATETIME(6) NULL, MODIFY created_at DATETIME(6) NULL';
    db = await oldDatabase([T1, fine, ...MOMENTS.map(([typed]) => insert(typed))]);
    await db.migrate();
    const [row] = await db.admin.rows(
      `SELECT COUNT(*) AS n FROM af_crawl_tasks FORCE INDEX (afd_claim)
       WHERE status = 'pending' AND due_at >= '1970-01-01 00:00:00'`,
    );
    expect(row?.n).toBe(MOMENTS.length);
  });

  it.each([
    ['TINYINT', [-128, 0, 1, 10, 127]],
    ['TINYINT UNSIGNED', [0, 255]],
    ['SMALLINT', [-32768, 32767]],
    ['INT', [-2147483648, 2147483647]],
    ['INT UNSIGNED', [0, 11, 4294967295]],
    ['BIGINT', ['-9223372036854775808', '9223372036854775807']],
    ['BIGINT UNSIGNED', [0, '18446744073709551615']],
  ])('claim_rank of a priority that is %s', async (type, values) => {
    await made([T1, `ALTER TABLE af_crawl_tasks ADD priority ${type} NULL`]);
    const rows = await exercise(
      [...values, 'NULL'].map((value) => ({
        columns: 'task_type, username, priority',
        values: `'t', 'u', ${value}`,
      })),
    );
    const ranks = [...values.map((value) => 10 - Math.min(10, Math.max(0, Number(value)))), 5];
    expect(rows.map((row) => row?.claim_rank)).toEqual(ranks);
  });

  it.each([
    ['VARCHAR(255) NULL', 'JSON NULL'],
    ['VARCHAR(255) CHARACTER SET latin1 NULL', 'TEXT NULL'],
    ['VARCHAR(255) COLLATE utf8mb4_bin NULL', 'LONGTEXT CHARACTER SET latin1 NULL'],
    ['TEXT NULL', 'MEDIUMTEXT COLLATE utf8mb4_unicode_ci NULL'],
    ["ENUM('t', 'u', '') NULL", 'TEXT CHARACTER SET utf8mb3 NULL'],
    ['CHAR(255) CHARACTER SET utf8mb3 NULL', 'TEXT COLLATE utf8mb4_bin NULL'],
  ])('lane of a task_type that is %s with required_capabilities %s', async (type, capabilities) => {
    await made([T1, `ALTER TABLE af_crawl_tasks MODIFY task_type ${type}, ADD required_capabilities ${capabilities}`]);
    const odd = ["'t'", "''", "REPEAT('😀', 255)", "REPEAT('é', 255)", "'t|'"];
    const required = ['NULL', `'{}'`, `'{"a":1}'`];
    const texts = capabilities.startsWith('JSON') ? [] : ["''", "'chrome'", "REPEAT('x', 60000)"];
    const rows = await exercise(
      odd.flatMap((task_type) =>
        [...required, ...texts].map((value) => ({
          columns: 'task_type, username, required_capabilities',
          values: `${task_type}, 'u', ${value}`,
        })),
      ),
    );
    for (const row of rows) expect(row?.lane).toBe(16);
    const [without] = await exercise([{ columns: 'task_type, username', values: `NULL, 'u'` }]);
    // No type, no lane: never claimed, and reported (no_task_type).
    expect(without?.lane).toBeNull();
  });
});
