import { afterEach, expect, it } from 'vitest';
import { assertSchema, schemaState } from '../../../src/core/context/schema-state.ts';
import { findInTable } from '../../../src/core/db/migrate/adoption/findings.ts';
import { readTaskTable } from '../../../src/core/db/migrate/adoption/task-table.ts';
import { planUp } from '../../../src/core/db/migrate/migrator.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { isMySql } from '../../helpers/database.ts';
import { type OldDatabase, oldDatabase, T1, T1_COLUMNS, T1_ROWS } from './old-table.ts';

let db: OldDatabase;
afterEach(() => db.drop());

/** Of each ALTER of the task table, in order. */
const algorithms = (statements: string[]) =>
  statements
    .filter((sql) => sql.startsWith('ALTER TABLE `af_crawl_tasks`'))
    .map((sql) => / (ALGORITHM=.*)$/.exec(sql)?.[1]);
const definition = () => db.admin.rows('SHOW CREATE TABLE af_crawl_tasks');
const tables = () => db.admin.rows('SHOW TABLES');
const alter = (change: string) => `ALTER TABLE af_crawl_tasks ${change}`;

it('a T1 table gets what it lacks, and not one stored value changes', async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  const before = await db.digest();
  const rows = await db.admin.rows('SELECT * FROM af_crawl_tasks ORDER BY id');
  // A dry run prints exactly what the run then sends, and changes nothing.
  const planned = await planUp(db.ask, db.names, { zone: '+00:00', foreignKeys: true }, 'here');
  expect(await tables()).toHaveLength(1);
  const statements = await db.migrate({ foreignKeys: true });
  expect(statements).toEqual(planned.statements);
  expect(await db.digest()).toBe(before);
  expect(await db.admin.rows('SELECT * FROM af_crawl_tasks ORDER BY id')).toEqual(rows);
  expect(Object.keys(rows[0] ?? {})).toEqual(T1_COLUMNS);
  // One for all columns and one for all indexes; MariaDB adds generated columns only in an ALTER of their own.
  const columns = (await isMySql()) ? ['ALGORITHM=INSTANT'] : ['ALGORITHM=INSTANT', 'ALGORITHM=INSTANT'];
  expect(algorithms(statements)).toEqual([...columns, 'ALGORITHM=INPLACE, LOCK=NONE']);
  expect(await db.migrate()).toEqual([]);
  // The documented defaults stand in old rows, and each is claimable by its own columns.
  const claimable = await db.admin.rows(
    `SELECT DISTINCT priority, max_retry_count, attempt, lost_count, LENGTH(lane) AS lane, claim_rank,
       (MOD(claim_state, 100000) > 0) = COALESCE(status IN ('done', 'failed'), FALSE) AS ranked,
       due_at = COALESCE(next_run_at, created_at, '1970-01-01') AS due FROM af_crawl_tasks`,
  );
  const defaults = { priority: 5, max_retry_count: 3, attempt: 0, lost_count: 0 };
  expect(claimable).toEqual([{ ...defaults, claim_rank: 5, ranked: 1, lane: 16, due: 1 }]);
});

it('a T1 table with compressed rows, to which no server adds all columns at once, is altered in parts, and none is copied', async () => {
  const compressed = T1.replace('ENGINE=InnoDB', 'ENGINE=InnoDB ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8');
  db = await oldDatabase([compressed, T1_ROWS]);
  const before = await db.digest();
  const part = ['ALGORITHM=INSTANT', 'ALGORITHM=INPLACE, LOCK=NONE'];
  expect(algorithms(await db.migrate())).toEqual([...part, ...part]);
  expect(await db.digest()).toBe(before);
  expect((await schemaState(await db.session(), db.names)).missing).toEqual([]);
});

it('a T1 table takes an INSERT without a column list as before, strict or not, in each zone, and the row is claimable', async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  await db.migrate();
  for (const settings of ["+08:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE", "-11:00', sql_mode = '"]) {
    const other = await db.session();
    await other.write(`SET SESSION time_zone = '${settings}'`);
    const values = "(NULL, 'app_data', 'zoe', NULL, NULL, NULL, 0, 'pending', NOW(), NOW(), NOW())";
    await other.write(`INSERT INTO af_crawl_tasks VALUES ${values}`);
    const claimable = await other.rows(
      `SELECT lane FROM af_crawl_tasks FORCE INDEX (afd_claim) WHERE status = 'pending' AND claim_rank = 5
       AND lane = (SELECT lane FROM af_crawl_tasks WHERE username = 'anna') AND due_at <= NOW(3) AND username = 'zoe'`,
    );
    expect(claimable).toHaveLength(1);
    await db.admin.write("DELETE FROM af_crawl_tasks WHERE username = 'zoe'");
  }
});

it('a T1 table is refused in another zone than the confirmed one, with the line to write', async () => {
  db = await oldDatabase([T1], { zone: '+08:00' });
  // Nor is it adopted before somebody has said in which zone its times are.
  await expect(db.migrate({ zone: undefined })).rejects.toMatchObject({ code: 'E_CONFIG' });
  expect(await tables()).toHaveLength(1);
  await db.migrate();
  await expect(assertSchema(await db.session(), db.names)).resolves.toBe('+08:00');
  const elsewhere = await db.session({ timeZone: '+00:00' });
  await expect(assertSchema(elsewhere, db.names)).rejects.toMatchObject({
    code: 'E_CONFIG',
    message: expect.stringContaining('Set database.time_zone: "+08:00"'),
  });
  // Who names none has the fleet's.
  await expect(assertSchema(elsewhere, db.names, { zoneGiven: false })).resolves.toBe('+08:00');
});

it('a T1 table has the type of its id in the attempts, and its collation in every table of afd', async () => {
  db = await oldDatabase([
    T1.replace('CHARSET=utf8mb4', 'CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci').replace('id INT', 'id INT UNSIGNED'),
  ]);
  await db.migrate();
  const [type] = await db.admin.rows("SHOW COLUMNS FROM af_task_assignment LIKE 'task_id'");
  expect(type?.Type).toMatch(/^int(\(10\))? unsigned$/);
  const collations = await db.admin.rows(
    `SELECT DISTINCT COLLATION_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
     AND COLUMN_NAME IN ('device_id', 'target_device_id', 'task_type') AND TABLE_NAME <> ?`,
    // A grant is for exactly what it names.
    [db.names.plain.secretGrant],
  );
  expect(collations).toEqual([{ name: 'utf8mb4_unicode_ci' }]);
});

it('a T1 table says which column a task must name, where the table insists on one', async () => {
  db = await oldDatabase([T1]);
  await db.migrate();
  const insert = async (task: { task_type: string; username?: string }) =>
    insertTasks(await db.session(), db.names, [task], { maxRetryCount: 3 });
  await expect(insert({ task_type: 'a' })).rejects.toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('a value in the column username'),
    data: { column: 'username' },
  });
  expect(await insert({ task_type: 'a', username: 'u' })).toHaveLength(1);
});

it('a T1 table shows the four columns of the document with visible, also later, and leaves the others hidden', async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  const four = ['priority', 'estimated_duration', 'required_capabilities', 'max_retry_count'];
  const shown = async () => Object.keys((await db.admin.rows('SELECT * FROM af_crawl_tasks LIMIT 1'))[0] ?? {});
  await db.migrate();
  expect(await shown()).toEqual(T1_COLUMNS);
  await db.migrate({ visible: true });
  expect(await shown()).toEqual([...T1_COLUMNS, ...four]);
  expect(await db.migrate({ visible: true })).toEqual([]);
  expect(await db.migrate()).toEqual([]);
});

it('other task tables keep the columns they have, and the words of their status keep their meaning', async () => {
  db = await oldDatabase(
    [
      `CREATE TABLE cl_task (
      id INT AUTO_INCREMENT PRIMARY KEY, task_type VARCHAR(32) NOT NULL, username VARCHAR(255) NOT NULL,
      status ENUM('pending','assigned','running','zero','failed','done') NOT NULL DEFAULT 'pending' COMMENT 'it''s \\\\ 状态',
      assigned_device_id VARCHAR(64), assigned_at DATETIME, priority INT DEFAULT 0, task_data TEXT,
      execution_timeout INT DEFAULT 3600, max_retry_count INT DEFAULT 7, retry INT DEFAULT 0,
      next_run_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
      KEY afd_like (status)
    ) DEFAULT CHARSET=utf8mb4`,
      `INSERT INTO cl_task (task_type, username, status, priority, task_data) VALUES
      ('a', 'u', 'assigned', NULL, '{"pid": 1}'), ('a', 'u', 'running', 0, NULL), ('a', 'u', 'zero', 99, '"{}"')`,
    ],
    { task: 'cl_task' },
  );
  const all = await db.admin.rows('SELECT *, status + 0 AS ordinal FROM cl_task ORDER BY id');
  await db.migrate();
  expect(await db.admin.rows('SELECT *, status + 0 AS ordinal FROM cl_task ORDER BY id')).toEqual(all);
  const facts = await readTaskTable(db.ask, 'cl_task');
  const status = facts?.columns.find(({ name }) => name === 'status');
  expect(status).toMatchObject({
    type: "enum('pending','assigned','running','zero','failed','done','waiting','cancelled')",
    default: expect.stringContaining('pending'),
    nullable: false,
    comment: "it's \\ 状态",
  });
  const ranks = await db.admin.rows('SELECT claim_rank FROM cl_task ORDER BY id');
  expect(ranks.map((row) => row.claim_rank)).toEqual([5, 10, 0]);
  // NOT NULL DEFAULT CURRENT_TIMESTAMP of both times: the row must be due now.
  await (await db.session()).write("INSERT INTO cl_task (task_type, username) VALUES ('a', 'now')");
  const due = await db.admin.rows(
    "SELECT ABS(TIMESTAMPDIFF(SECOND, due_at, NOW())) < 5 AS now FROM cl_task WHERE username = 'now'",
  );
  expect(due).toEqual([{ now: 1 }]);
});

it('other task tables are completed column by column: any part may be there already', async () => {
  db = await oldDatabase([
    T1,
    alter(
      'ADD COLUMN dedupe_key VARCHAR(191) NULL, ADD COLUMN attempt INT NOT NULL DEFAULT 0, ADD UNIQUE KEY afd_dedupe (dedupe_key), DROP COLUMN next_run_at, DROP COLUMN updated_at, DROP COLUMN retry',
    ),
    "INSERT INTO af_crawl_tasks (task_type, username) VALUES ('a', 'u')",
  ]);
  await db.migrate();
  expect((await schemaState(await db.session(), db.names)).missing).toEqual([]);
  const [row] = await db.admin.rows(
    'SELECT due_at = created_at AS due, next_run_at, updated_at, retry FROM af_crawl_tasks',
  );
  expect(row).toEqual({ due: 1, next_run_at: null, updated_at: null, retry: 0 });
});

it.each([
  ['VARCHAR(64) NULL', 'narrow_text'],
  ['TEXT CHARACTER SET latin1 NULL', 'narrow_text'],
  ['LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL', undefined],
])(
  'finding F10: other task tables with a last_error of %s are adopted, and what would be cut is said',
  async (type, code) => {
    db = await oldDatabase([T1, alter(`ADD COLUMN last_error ${type}`)]);
    const { findings } = await findInTable(db.ask, (await readTaskTable(db.ask, 'af_crawl_tasks'))!, '+00:00');
    const found = findings.find((one) => one.code === 'narrow_text');
    expect(found?.code).toBe(code);
    await db.migrate();
    if (found !== undefined) await db.admin.write(found.sql!.replace(/;$/, ''));
    await db.admin.write(
      "INSERT INTO af_crawl_tasks (task_type, username, last_error) VALUES ('t', 'u', REPEAT('😀', 1000))",
    );
  },
);

it.each<[string, string, RegExp]>([
  ['a TIMESTAMP for a DATETIME', 'MODIFY next_run_at TIMESTAMP NULL', /MODIFY COLUMN next_run_at DATETIME NULL;/],
  ['MyISAM', 'ENGINE=MyISAM', /ALTER TABLE `af_crawl_tasks` ENGINE=InnoDB;/],
  ['a status that is no ENUM', 'MODIFY status VARCHAR(20)', /status is varchar\(20\)/],
  ['no status', 'DROP COLUMN status', /no column status/],
  ['a column of another meaning', 'ADD COLUMN task_data INT', /task_data is int.*; afd needs JSON/],
  ['a retry that is too small', 'MODIFY retry TINYINT DEFAULT 0', /up to 4 bytes.*MODIFY COLUMN retry INT DEFAULT 0;/],
  [
    'a claimed_by that is too short',
    'ADD claimed_by VARCHAR(32) NULL',
    /varchar\(32\); afd writes up to 64 characters/,
  ],
  ['an attempt that may be NULL', 'ADD attempt INT NULL', /MODIFY COLUMN attempt INT NOT NULL DEFAULT 0;/],
  ['a plain column called lane', 'ADD lane BINARY(16)', /lane already exists, but afd adds a generated column/],
  ['an index of that name on other columns', 'ADD KEY afd_claim (username)', /DROP INDEX afd_claim;/],
  ['another primary key', 'DROP PRIMARY KEY, ADD PRIMARY KEY (id, task_type)', /no integer primary key \(id\)/],
  ['partitions', 'PARTITION BY HASH(id) PARTITIONS 2', /partitioned/],
])('other task tables with %s are refused, with what to do, and nothing is changed', async (_, change, expected) => {
  db = await oldDatabase([T1, alter(change)]);
  const before = await definition();
  await expect(db.migrate()).rejects.toMatchObject({ code: 'E_CONFLICT', message: expect.stringMatching(expected) });
  expect(await definition()).toEqual(before);
  expect(await tables()).toHaveLength(1);
});

it('other task tables next to an af_device that is not ours are refused, with its name', async () => {
  db = await oldDatabase([T1, 'CREATE TABLE af_device (id INT PRIMARY KEY, device_id VARCHAR(64))']);
  await expect(db.migrate()).rejects.toMatchObject({
    code: 'E_CONFLICT',
    message: expect.stringContaining('The table af_device exists, but it was not created by afd'),
  });
});

it('other task tables from which somebody has taken an index are refused by every command until the next migrate', async () => {
  db = await oldDatabase([T1]);
  await db.migrate();
  await db.admin.write(alter('DROP INDEX afd_target'));
  await expect(assertSchema(await db.session(), db.names)).rejects.toMatchObject({
    code: 'E_SCHEMA',
    message: expect.stringContaining('is incomplete; missing: index afd_target'),
  });
  expect(await db.migrate()).toHaveLength(1);
  await expect(assertSchema(await db.session(), db.names)).resolves.toEqual(expect.any(String));
});

it('a dry run finds what an operator must know: statuses with counts, and rows that will run or never will', async () => {
  const odd = "INSERT INTO af_crawl_tasks (task_type, username, status) VALUES ('x', 'y', 'zero')";
  db = await oldDatabase([T1, T1_ROWS, odd]);
  const found = await findInTable(db.ask, (await readTaskTable(db.ask, 'af_crawl_tasks'))!, '+00:00');
  expect(found.rows).toBe(9);
  const counts = { null: 1, '': 1, pending: 4, running: 1, failed: 1, done: 1 };
  expect(Object.fromEntries(found.statuses.map(({ status, rows }) => [String(status), rows]))).toEqual(counts);
  expect(Object.fromEntries(found.findings.map(({ code, rows }) => [code, rows]))).toEqual({
    ...{ no_status: 1, running_elsewhere: 1, retries_used_up: 1, failed_with_future_run: 1, old_pending: 1 },
    required_without_default: 0,
  });
  expect(found.findings.filter(({ code }) => code === 'no_status')).toHaveLength(2);
});
