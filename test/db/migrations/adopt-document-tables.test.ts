import { afterEach, expect, it } from 'vitest';
import { migrateDown, migrateUp, planUp } from '../../../src/core/db/migrate/migrator.ts';
import { leadOnce } from '../../../src/core/leader/lead-once.ts';
import { testContext } from '../../helpers/node.ts';
import { DOCUMENT_ROWS, DOCUMENT_TABLES, TABLES } from './document-tables.ts';
import { type OldDatabase, oldDatabase } from './old-table.ts';

let db: OldDatabase;
afterEach(() => db.drop());

const documented = (more: string[] = []) =>
  oldDatabase([...DOCUMENT_TABLES, ...DOCUMENT_ROWS, ...more], { task: 'af_crawl_task', zone: '+08:00' });
const contents = async () => {
  const found: Record<string, unknown[]> = {};
  for (const table of TABLES) found[table] = await db.admin.rows(`SELECT * FROM ${table} ORDER BY id`);
  return found;
};
const definition = async (table: string) =>
  String((await db.admin.rows(`SHOW CREATE TABLE ${table}`))[0]?.['Create Table']);
const columnType = async (table: string, column: string) =>
  (await db.admin.rows(`SHOW COLUMNS FROM ${table} LIKE '${column}'`))[0]?.Type;
const assignments = async () => (await db.admin.rows('SELECT COUNT(*) AS n FROM af_task_assignment'))[0]?.n;

it('finding C: tables of the design document are adopted with their rows, indexes and foreign keys, and SELECT * shows what it showed', async () => {
  db = await documented();
  const before = await contents();
  const statements = await db.migrate();
  // Times have a fraction now, and devices of which no process is afd's are offline.
  const plain = (rows: Record<string, unknown[]>) =>
    JSON.parse(
      JSON.stringify({
        ...rows,
        af_device: (rows.af_device as object[]).map((row) => ({ ...row, status: 'offline', updated_at: null })),
      }).replaceAll(/(\d\d:\d\d:\d\d)(\.000)?"/g, '$1"'),
    );
  expect(plain(await contents())).toEqual(plain(before));
  const alters = statements.filter((sql) => /^ALTER TABLE `af_(device|task_assignment|device_heartbeat)`/.test(sql));
  // Each of them once.
  expect(alters).toHaveLength(3);
  for (const sql of alters) expect(sql).toMatch(/ALGORITHM=COPY, LOCK=SHARED$/);
  expect(await columnType('af_task_assignment', 'assigned_at')).toBe('datetime(3)');
  expect(await columnType('af_task_assignment', 'id')).toMatch(/^bigint/);
  expect(await columnType('af_device', 'device_type')).toBe("enum('master','worker','gateway')");
  const sql = await definition('af_task_assignment');
  expect(sql).toContain('UNIQUE KEY `idx_task_id` (`task_id`,`attempt`)');
  expect(sql).toContain('KEY `idx_device_id` (`device_id`,`status`)');
  expect(sql).toContain('KEY `idx_assigned_at` (`assigned_at`)');
  expect(sql.match(/FOREIGN KEY/g)).toHaveLength(2);
  expect(sql).toContain("COMMENT '分配时间'");
  expect(await definition('af_device_heartbeat')).not.toContain('PARTITION');
  expect(await db.migrate()).toEqual([]);
  // Old rows are no attempts of afd's: no number, no deadline, and a token that no claim has.
  const old = await db.admin.rows(
    'SELECT DISTINCT attempt, deadline_at, HEX(claim_token) AS token FROM af_task_assignment',
  );
  expect(old).toEqual([{ attempt: null, deadline_at: null, token: '0'.repeat(32) }]);
  // Programs that know the document alone go on.
  const other = await db.session();
  await other.write(
    "INSERT INTO af_task_assignment VALUES (NULL, 2, 'worker-001', NOW(), NULL, NULL, 'running', 0, NULL, NOW(), NOW())",
  );
  await other.write(
    "INSERT INTO af_device VALUES (NULL, 'w9', 'w9', 'worker', '', 1, 'online', NULL, 5, 0, NOW(), NOW(), NOW())",
  );
  await db.migrate({ foreignKeys: true });
  expect((await definition('af_task_assignment')).match(/FOREIGN KEY/g)).toHaveLength(2);
});

it('finding C: tables of the design document are planned in words: the dry run says what is copied, what stays, and what will be closed', async () => {
  db = await documented();
  const planned = await planUp(db.ask, db.names, { zone: '+08:00' }, 'here');
  expect(planned.adopted.map(({ table, rows, findings }) => [table, rows, findings.map(({ code }) => code)])).toEqual([
    ['af_device', 3, ['copied', 'times_kept', 'set_offline']],
    ['af_device_heartbeat', 3, ['copied', 'times_kept', 'foreign_key', 'not_partitioned']],
    ['af_task_assignment', 6, ['copied', 'times_kept', 'foreign_key', 'foreign_key', 'open_elsewhere']],
  ]);
  expect(await db.migrate()).toEqual(planned.statements);
  const keys = planned.adopted.flatMap(({ findings }) => findings.filter(({ code }) => code === 'foreign_key'));
  for (const { sql } of keys) await db.admin.write(sql!.replace(/;$/, ''));
  expect(await definition('af_task_assignment')).not.toContain('FOREIGN KEY');
});

it('finding C: tables of the design document are returned by "migrate down", by force alone while afd has attempts in them: the rows stay', async () => {
  db = await documented();
  const shape = async (table: string) => [
    (await db.admin.rows(`SHOW COLUMNS FROM ${table}`)).map((row) => row.Field),
    await db.admin.rows(
      `SELECT INDEX_NAME AS name, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) AS parts, MIN(NON_UNIQUE) AS many
       FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
       GROUP BY INDEX_NAME ORDER BY INDEX_NAME`,
      [table],
    ),
  ];
  const before = await Promise.all(TABLES.map(shape));
  await db.migrate();
  await migrateDown(db.address, db.names, { force: false });
  expect(await Promise.all(TABLES.map(shape))).toEqual(before);
  expect(await assignments()).toBe(6);
  // And they can be adopted again.
  await db.migrate();
  await db.admin.write(
    "INSERT INTO af_task_assignment (task_id, device_id, attempt, status) VALUES (1, 'worker-001', 1, 'lost')",
  );
  await expect(migrateDown(db.address, db.names, { force: false })).rejects.toMatchObject({
    code: 'E_CONFLICT',
    message: expect.stringMatching(/1 attempts of afd/),
  });
  await migrateDown(db.address, db.names, { force: true });
  expect(await assignments()).toBe(7);
});

it.each([
  ['a column of others that insists', ['ADD COLUMN owner VARCHAR(20) NOT NULL'], /af_device.owner is NOT NULL/],
  ['a text where a number is', ['MODIFY port VARCHAR(10) NOT NULL'], /af_device.port is varchar\(10\)/],
])(
  'finding C: tables of the design document with %s are refused with what to do, and nothing is changed',
  async (_, changes, expected) => {
    db = await documented(changes.map((change) => `ALTER TABLE af_device ${change}`));
    const before = await Promise.all([...TABLES, 'af_crawl_task'].map(definition));
    await expect(db.migrate()).rejects.toMatchObject({ code: 'E_CONFLICT', message: expect.stringMatching(expected) });
    expect(await Promise.all([...TABLES, 'af_crawl_task'].map(definition))).toEqual(before);
    expect(await db.admin.rows('SHOW TABLES')).toHaveLength(4);
  },
);

it('finding C: tables of the design document in other types, lengths and character sets are made as wide as what afd writes', async () => {
  db = await documented([
    'ALTER TABLE af_device MODIFY device_name VARCHAR(20) CHARACTER SET latin1 NOT NULL, MODIFY port SMALLINT NOT NULL, MODIFY last_heartbeat TIMESTAMP NULL',
    'ALTER TABLE af_task_assignment MODIFY error_message VARCHAR(64) CHARACTER SET utf8mb3, MODIFY retry_count TINYINT',
  ]);
  await db.migrate();
  expect(await columnType('af_device', 'last_heartbeat')).toBe('datetime(3)');
  await db.admin.write("UPDATE af_task_assignment SET error_message = REPEAT('😀', 100), retry_count = 1000");
  await db.admin.write("UPDATE af_device SET device_name = '设备😀', port = 65535");
  const [row] = await db.admin.rows('SELECT error_message FROM af_task_assignment LIMIT 1');
  expect(row?.error_message).toBe('😀'.repeat(100));
});

it("finding C: a fresh schema takes the document's INSERT of an assignment, twice for a task; the leader closes both", async () => {
  db = await oldDatabase([], { task: 'af_crawl_task' });
  await migrateUp(db.address, db.names);
  await db.admin.write("INSERT INTO af_crawl_task (task_type) VALUES ('t')");
  for (const device of ['w1', 'w2'])
    await db.admin.write('INSERT INTO af_task_assignment (task_id, device_id) VALUES (1, ?)', [device]);
  await leadOnce(testContext(db), { hostname: 'here', version: '0' });
  const closed = { status: 'lost', attempt: null, deadline_at: null };
  const rows = await db.admin.rows('SELECT status, attempt, deadline_at FROM af_task_assignment ORDER BY id');
  expect(rows).toEqual([closed, closed]);
  const [task] = await db.admin.rows('SELECT status, attempt, lost_count FROM af_crawl_task');
  expect(task).toEqual({ status: 'pending', attempt: 0, lost_count: 0 });
});
