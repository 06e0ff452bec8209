// Every generated column for the extremes of what it is made of: in a fresh table and in adopted ones, on this server. What
// cannot be computed cannot be changed, not even by the UPDATE that would set the row aside.
import { afterEach, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { type OldDatabase, oldDatabase, T1 } from './old-table.ts';

let db: OldDatabase;
afterEach(() => db.drop());

const EPOCH = /^1970-01-01 00:00:00\.00[01]/;
const LAST = /^(9999-12-31 23:59:59\.000|1970-01-01 00:00:00\.000)$/;
/** As typed, and the due_at that it must have: a pattern, since columns have from none to six digits of a second. */
const MOMENTS: Array<[string, RegExp]> = [
  ["'0000-00-00 00:00:00'", EPOCH],
  ["'2026-00-00 10:00:00'", EPOCH],
  ["'2026-05-00 00:00:00'", EPOCH],
  ["'0000-01-01 00:00:00'", EPOCH],
  ["'1969-12-31 23:59:59'", EPOCH],
  ["'1970-01-01 00:00:00.0005'", EPOCH],
  ["'2038-01-19 03:14:08'", /^2038-01-19 03:14:08\.000$/],
  ["'9999-12-31 23:59:59.499'", /^9999-12-31 23:59:59\.000$/],
  ["'9999-12-31 23:59:59.999999'", LAST],
  ['NULL', EPOCH],
];

/** Inserts rows of these columns as a program that is not strict, and changes each as afd does, in its strict mode. */
async function exercise(columns: string, rows: string[]) {
  const afd = await db.session();
  const found = [];
  for (const values of rows) {
    await db.admin.write(`INSERT INTO ${db.names.task} (task_type, username, ${columns}) VALUES (${values})`);
    const [row] = await db.admin.rows(
      `SELECT id, due_at, claim_rank, LENGTH(lane) AS lane FROM ${db.names.task} ORDER BY id DESC LIMIT 1`,
    );
    const change = `UPDATE ${db.names.task} SET status = 'running', attempt = attempt + 1 WHERE id = ?`;
    expect((await afd.write(change, [row?.id])).affectedRows, values).toBe(1);
    found.push(row);
  }
  return found;
}

const alter = (change: string) => `ALTER TABLE af_crawl_tasks ${change}`;
const times = (type: string) => alter(`MODIFY next_run_at ${type} NULL, MODIFY created_at ${type} NULL`);

async function made(create: string[]) {
  db = await oldDatabase(create);
  if (create.length === 0) await migrateUp(db.address, db.names);
  else await db.migrate();
}

it.each<[string, string[]]>([
  ['a fresh table', []],
  ['an adopted T1 table', [T1]],
  ['an adopted table with times of DATETIME(6) NULL', [T1, times('DATETIME(6)')]],
  [
    'an adopted table with times of DATETIME(3) NOT NULL',
    [
      T1,
      alter(
        `MODIFY next_run_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00', MODIFY created_at DATETIME(3) NOT NULL`,
      ),
    ],
  ],
])(
  'finding F8: a generated column has a value for every extreme, and the row can be changed due_at of %s',
  async (_, create) => {
    await made(create);
    const nullable = !create.join().includes('NOT NULL DEFAULT');
    const moments = MOMENTS.filter(([typed]) => nullable || typed !== 'NULL');
    const check = async (values: (typed: string) => string) => {
      const rows = await exercise(
        'next_run_at, created_at',
        moments.map(([typed]) => values(typed)),
      );
      for (const [n, [typed, expected]] of moments.entries()) expect(rows[n]?.due_at, typed).toMatch(expected);
    };
    await check((typed) => `'t', 'u', ${typed}, '1970-01-01 00:00:00'`);
    // created_at stands in for next_run_at.
    if (nullable) await check((typed) => `'t', 'u', NULL, ${typed}`);
  },
);

it.each([
  ['TINYINT', [-128, 0, 1, 10, 127]],
  ['INT UNSIGNED', [0, 11, 4294967295]],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807']],
  ['BIGINT UNSIGNED', [0, '18446744073709551615']],
])(
  'finding F8: a generated column has a value for every extreme, and the row can be changed claim_rank of a priority that is %s',
  async (type, values) => {
    await made([T1, alter(`ADD priority ${type} NULL`)]);
    const rows = await exercise(
      'priority',
      [...values, 'NULL'].map((value) => `'t', 'u', ${value}`),
    );
    const ranks = [...values.map((value) => 10 - Math.min(10, Math.max(0, Number(value)))), 5];
    expect(rows.map((row) => row?.claim_rank)).toEqual(ranks);
  },
);

it.each([
  ['VARCHAR(255) NULL', 'JSON NULL'],
  ['VARCHAR(255) CHARACTER SET latin1 NULL', 'TEXT NULL'],
  ["ENUM('t', 'u', '') NULL", 'TEXT CHARACTER SET utf8mb3 NULL'],
  ['CHAR(255) COLLATE utf8mb4_bin NULL', 'LONGTEXT CHARACTER SET latin1 NULL'],
])(
  'finding F8: a generated column has a value for every extreme, and the row can be changed lane of a task_type that is %s with required_capabilities %s',
  async (type, capabilities) => {
    await made([T1, alter(`MODIFY task_type ${type}, ADD required_capabilities ${capabilities}`)]);
    const texts = capabilities.startsWith('JSON') ? [] : ["''", "'chrome'", "REPEAT('x', 60000)"];
    const rows = await exercise(
      'required_capabilities',
      ["'t'", "''", "REPEAT('😀', 255)", "'t|'"].flatMap((task_type) =>
        ['NULL', `'{}'`, `'{"a":1}'`, ...texts].map((value) => `${task_type}, 'u', ${value}`),
      ),
    );
    for (const row of rows) expect(row?.lane).toBe(16);
    // No type, no lane: never claimed, and reported (no_task_type).
    expect((await exercise('retry', [`NULL, 'u', 0`]))[0]?.lane).toBeNull();
  },
);
