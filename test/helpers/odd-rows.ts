// Rows as a program writes them that knows afd's tables, or half of them, and is not strict: extremes of every column that
// an INSERT may set, and what was meant for another type. One seed gives the same rows on every machine.
import type { Session } from '../../src/core/db/session.ts';
import type { Random } from '../chaos/random.ts';

/** Literals of SQL by column. What a table does not have, or takes no such literal for, is left out by `oddColumns`. */
const INTS = ['NULL', '0', '-1', '2147483647', '-2147483648'];
const BIGS = ['NULL', '-9223372036854775808', '9223372036854775807', '9007199254740993'];
const DATES = ["'0000-00-00'", "'2026-00-00'", "'1000-01-01'", "'9999-12-31'", 'NULL'];
const ZERO = "'0000-00-00 00:00:00'";
const LAST = "'9999-12-31 23:59:59.999'";
const TIMES = [ZERO, "'2026-00-00 10:00:00'", "'1000-01-01 00:00:00'", LAST, 'NULL'];
const wide = (letters: number) => ["''", `REPEAT('😀', ${letters})`];
const all = (literals: string[], ...columns: string[]) =>
  Object.fromEntries(columns.map((column) => [column, literals]));
const TOKENS = ["REPEAT('x', 16)", "''", 'NULL', "UNHEX(REPEAT('ff', 16))"];

const ODD: Record<string, string[]> = {
  ...all(DATES, 'start_date', 'end_date'),
  ...all(INTS, 'retry', 'max_retry_count', 'estimated_duration', 'execution_timeout'),
  ...all(TIMES, 'next_run_at', 'created_at', 'updated_at', 'finished_at', 'not_after', 'target_until'),
  ...all(TIMES, 'claimed_at', 'claim_deadline'),
  ...all(TOKENS, 'claim_token', 'claim_instance'),
  ...all(BIGS, 'batch_id', 'parent_id'),
  task_type: [...wide(32), "'nobody runs this'", "'WORK'"],
  username: wide(255),
  app_id: wide(128),
  priority: [...INTS, '11'],
  target_device_id: [...wide(64), "'nobody'"],
  concurrency_key: wide(191),
  attempt: ['-2147483648', '-1', '2147483646', '2147483647'],
  lost_count: ['-2147483648', '2', '2147483647'],
  claimed_by: [...wide(64), "'ghost'"],
  last_error: wide(16_000),
  status: ["''", 'NULL', "'running'", "'assigned'", "'waiting'", "'cancelled'", "'done'", "'failed'", "'zero'"],
  required_capabilities: [
    `'{}'`,
    `'[]'`,
    `'5'`,
    `'null'`,
    `'"chrome"'`,
    `'{"browser": null}'`,
    `'{"lane": {"a": []}}'`,
  ],
  task_data: ["'null'", "'[]'", "'5'", `'"text"'`, `'"{\\\\"n\\\\": 1}"'`, "CONCAT(REPEAT('[', 60), REPEAT(']', 60))"],
};
/** What a column of text takes besides, where JSON is meant. */
const NO_JSON = ["''", "'chrome'", "'{'", '\'{"a": 1\'', "'\\0'"];

/** What is odd only together: a claim that nobody made (finding S2), budgets at their ends. */
const TOGETHER: Array<Record<string, string>> = ['pending', 'running', 'assigned'].flatMap((status) =>
  [ZERO, LAST, 'NULL'].map((moment) => ({
    ...{ status: `'${status}'`, claimed_by: "'ghost'", claimed_at: moment, claim_deadline: moment },
    ...{ claim_token: "REPEAT('x', 16)", claim_instance: "REPEAT('y', 16)" },
  })),
);
TOGETHER.push(
  { retry: '2147483647', max_retry_count: '2147483647', attempt: '2147483647', lost_count: '2147483647' },
  { status: "'running'", claim_token: "REPEAT('x', 16)", attempt: '1' },
  { status: "'assigned'", target_device_id: "'nobody'", target_until: "'9999-12-31'" },
);

export interface OddRows {
  /** Tasks that must all be done. */
  good: number[];
  /** Column and literal, as it was written. */
  odd: Array<{ id: number; odd: Array<[string, string]> }>;
}

export interface OddOptions {
  random: Random;
  /** Of all rows; about one of four is odd. */
  rows: number;
  /** Different requirements among the good ones; a device with `lane` at least as high meets all of them. */
  lanes: number;
}

/** Columns of this table that may be odd, each with the literals that its type takes. */
async function oddColumns(session: Session, table: string): Promise<Array<[string, string[]]>> {
  const columns = await session.rows<{ name: string; kind: string; checked: number }>(
    `SELECT COLUMN_NAME AS name, DATA_TYPE AS kind,
       EXISTS (SELECT 1 FROM information_schema.CHECK_CONSTRAINTS c
               WHERE c.CONSTRAINT_SCHEMA = DATABASE() AND c.CHECK_CLAUSE LIKE CONCAT('%json_valid(\`', COLUMN_NAME, '\`)%')) AS checked
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY COLUMN_NAME`,
    [table],
  );
  return columns.flatMap(({ name, kind, checked }): Array<[string, string[]]> => {
    const known = ODD[name];
    if (known === undefined) return [];
    const json = name === 'required_capabilities' || name === 'task_data';
    return [[name, json && kind !== 'json' && checked !== 1 ? [...known, ...NO_JSON] : known]];
  });
}

/**
 * Fills a task table, odd rows among good ones. `session`: with sql_mode '', as the programs are that leave such rows.
 * What the server refuses all the same is left out, and is not counted among the odd ones.
 */
export async function insertOddRows(session: Session, table: string, options: OddOptions): Promise<OddRows> {
  const { random, rows, lanes } = options;
  const columns = await oddColumns(session, table);
  const found: OddRows = { good: [], odd: [] };
  const good = (n: number) => ({
    task_type: "'work'",
    username: `'user ${n % 100}'`,
    priority: String(n % 11),
    required_capabilities: lanes <= 1 ? 'NULL' : `'{"lane": ${n % lanes}}'`,
  });
  let batch: string[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const { insertId } = await session.write(
      `INSERT INTO \`${table}\` (task_type, username, priority, required_capabilities) VALUES ${batch.join(', ')}`,
    );
    const ids = await session.rows<{ id: number }>(
      `SELECT id FROM \`${table}\` WHERE id >= ? ORDER BY id LIMIT ${batch.length}`,
      [insertId],
    );
    found.good.push(...ids.map(({ id }) => id));
    batch = [];
  };
  for (let n = 0; n < rows; n += 1) {
    if (!random.chance(0.25)) {
      batch.push(`(${Object.values(good(n)).join(', ')})`);
      if (batch.length === 100) await flush();
      continue;
    }
    await flush();
    const odd = Array.from({ length: random.int(1, 3) }, () => {
      const [name, literals] = random.pick(columns);
      return [name, random.pick(literals)] as [string, string];
    });
    const whole = random.chance(0.2) ? random.pick(TOGETHER) : {};
    if (Object.keys(whole).every((name) => columns.some(([known]) => known === name)))
      odd.push(...Object.entries(whole));
    const values = { ...good(n), ...Object.fromEntries(odd) };
    try {
      const { insertId } = await session.write(
        `INSERT INTO \`${table}\` (${Object.keys(values).join(', ')}) VALUES (${Object.values(values).join(', ')})`,
      );
      found.odd.push({ id: insertId, odd });
    } catch (error) {
      // A value that this server takes in no mode, such as 11 in a TINYINT that is a key: there is no such row.
      if ((error as { fault?: unknown; retry?: unknown }).retry !== 'final') throw error;
    }
  }
  await flush();
  return found;
}

/** Assignments as the document's table takes them, and worse: none of them is an attempt of afd's. */
export async function insertOddAssignments(session: Session, table: string, taskIds: number[], deviceId: string) {
  const worse = 'task_id, device_id, status, started_at, retry_count, error_message';
  const values = "?, ?, 'running', '0000-00-00', -2147483648, REPEAT('😀', 16000)";
  for (const id of taskIds) {
    const plain = `INSERT INTO \`${table}\` (task_id, device_id) VALUES (?, ?), (?, 'nobody')`;
    await session.write(plain, [id, deviceId, id]);
    await session.write(`INSERT INTO \`${table}\` (${worse}) VALUES (${values})`, [id, deviceId]);
  }
}

/** Settings of the fleet that no afd writes. */
export const ODD_SETTINGS: Array<[string, string]> = [
  ['master.task_timeout', '"soon"'],
  ['master.heartbeat_timeout', 'null'],
  ['master.max_retry_count', '[]'],
  ['load_balancer.strategy', '5'],
  ['nobody.knows.this', '{"a": 1}'],
];
