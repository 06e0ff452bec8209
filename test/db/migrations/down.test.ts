import { afterEach, expect, it } from 'vitest';
import { migrateDown, migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { type OldDatabase, oldDatabase, T1, T1_COLUMNS, T1_ROWS } from './old-table.ts';

let db: OldDatabase;
afterEach(() => db.drop());

const down = (force = false, dryRun = false) => migrateDown(db.address, db.names, { force, dryRun });
const tables = async () => (await db.admin.rows('SHOW TABLES')).map((row) => Object.values(row)[0]);

it('taking the schema back leaves an adopted table as it was, byte by byte, except the words of its status', async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  const definition = async () =>
    String((await db.admin.rows('SHOW CREATE TABLE af_crawl_tasks'))[0]?.['Create Table']).replace(
      /enum\([^)]*\)( CHARACTER SET \w+ COLLATE \w+)?/,
      'enum',
    );
  const [rows, before] = [await db.digest(), await definition()];
  expect(await down()).toEqual({ migrations: [], statements: [] });
  await db.migrate();
  await down();
  expect(await tables()).toEqual(['af_crawl_tasks']);
  expect(await definition()).toBe(before);
  const [row] = await db.admin.rows("SHOW COLUMNS FROM af_crawl_tasks LIKE 'status'");
  expect(row?.Type).toBe("enum('pending','running','failed','done','assigned','waiting','cancelled')");
  // And it can be adopted again.
  await db.migrate();
  expect(await db.digest()).toBe(rows);
});

it('taking the schema back refuses while anything holds rows, and names it; force does it', async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  await db.migrate({ foreignKeys: true });
  await db.admin.write(
    "INSERT INTO af_device (device_id, device_name, device_type, ip_address, port) VALUES ('d', 'd', 'worker', '', 0)",
  );
  await db.admin.write('UPDATE af_crawl_tasks SET attempt = 1 WHERE id = 1');
  await expect(down()).rejects.toMatchObject({
    code: 'E_CONFLICT',
    message: expect.stringMatching(/1 tasks that afd has attempted .*1 devices/),
  });
  expect((await tables()).length).toBeGreaterThan(5);
  await down(true);
  expect(await tables()).toEqual(['af_crawl_tasks']);
});

it('taking the schema back drops a task table of its own too, but by force alone while that holds tasks', async () => {
  db = await oldDatabase([], { task: 'af_crawl_task' });
  await migrateUp(db.address, db.names);
  await db.admin.write("INSERT INTO af_crawl_task (task_type) VALUES ('a')");
  await expect(down()).rejects.toMatchObject({ code: 'E_CONFLICT', message: expect.stringContaining('1 tasks') });
  await down(true);
  expect(await tables()).toEqual([]);
});

it('taking the schema back prints in a dry run what it then sends, and drops no column that the table had before', async () => {
  db = await oldDatabase([T1, 'ALTER TABLE af_crawl_tasks ADD COLUMN priority INT DEFAULT 0', T1_ROWS]);
  await db.migrate();
  const planned = await down(false, true);
  expect((await tables()).length).toBeGreaterThan(5);
  const done = await down();
  expect(done.statements.slice(0, planned.statements.length)).toEqual(planned.statements);
  const [row] = await db.admin.rows('SELECT * FROM af_crawl_tasks LIMIT 1');
  expect(Object.keys(row ?? {})).toEqual([...T1_COLUMNS, 'priority']);
});

it("foreign keys are the document's three, only when asked for, added once, and not while rows point at nothing", async () => {
  db = await oldDatabase([T1, T1_ROWS]);
  await db.migrate();
  const orphan = "INSERT INTO af_device_heartbeat (device_id) VALUES ('nobody')";
  const drawn = () =>
    db.admin.rows(
      `SELECT TABLE_NAME AS child, REFERENCED_TABLE_NAME AS parent FROM information_schema.REFERENTIAL_CONSTRAINTS
       WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY child, parent`,
    );
  await db.admin.write(orphan);
  await expect(db.migrate({ foreignKeys: true })).rejects.toMatchObject({
    code: 'E_CONFLICT',
    message: expect.stringContaining('1 rows of af_device_heartbeat reference no existing row of af_device'),
  });
  expect(await drawn()).toEqual([]);
  await db.admin.write('DELETE FROM af_device_heartbeat');
  await db.migrate({ foreignKeys: true });
  expect(await drawn()).toEqual([
    { child: 'af_device_heartbeat', parent: 'af_device' },
    { child: 'af_task_assignment', parent: 'af_crawl_tasks' },
    { child: 'af_task_assignment', parent: 'af_device' },
  ]);
  expect(await db.migrate({ foreignKeys: true })).toEqual([]);
});
