import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect } from 'vitest';
import { foreignAssignments } from '../../../src/core/db/attempts/foreign-assignments.ts';
import { lockAttempt } from '../../../src/core/db/attempts/lock-attempt.ts';
import { type AttemptRef, orphanedAssignments } from '../../../src/core/db/attempts/orphaned-assignments.ts';
import { overdueAssignments } from '../../../src/core/db/attempts/overdue-assignments.ts';
import { rescueAssignment } from '../../../src/core/db/attempts/rescue-assignment.ts';
import { revokedAssignments } from '../../../src/core/db/attempts/revoked-assignments.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { AttemptEnd } from '../../../src/core/domain/attempt/lost.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import {
  type AttemptOptions,
  type AttemptRow,
  type DeviceRow,
  insertAttempt,
  insertDevice,
  readAttempt,
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let device: DeviceRow;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  device = await insertDevice(session, db.names, { device_id: 'worker-001' });
});

const attempt = (options: Partial<AttemptOptions> = {}) => insertAttempt(session, db.names, { device, ...options });
const all = { after: 0, limit: 100 };
const ids = (refs: AttemptRef[]) => refs.map((ref) => ref.id);
const refOf = (row: AttemptRow): AttemptRef => ({
  id: row.assignment_id,
  task_id: row.task_id,
  device_id: device.device_id,
  claim_token: row.claim_token,
});

describe('orphaned', () => {
  const orphaned = (page = all) => orphanedAssignments(session, db.names, page);

  test('are the open attempts of offline, removed and superseded devices', async () => {
    const healthy = await attempt();
    const superseded = await attempt({ columns: { instance_token: randomBytes(16) } });
    const off = await insertDevice(session, db.names, { columns: { status: 'offline' } });
    const offline = await attempt({ device: off });
    const removed = await attempt({ columns: { device_id: 'nobody' } });
    await attempt({ device: off, columns: { status: 'completed' } });
    expect(ids(await orphaned())).toEqual([superseded, offline, removed].map((row) => row.assignment_id));
    expect(ids(await orphaned())).not.toContain(healthy.assignment_id);
  });

  test('an attempt without an instance is not superseded by any', async () => {
    await attempt({ columns: { instance_token: null } });
    expect(await orphaned()).toEqual([]);
  });

  test('come in pages by id', async () => {
    const rows = [];
    for (let n = 0; n < 3; n += 1) rows.push(await attempt({ columns: { device_id: 'nobody' } }));
    const [first, second, third] = rows.map((row) => row.assignment_id) as [number, number, number];
    expect(ids(await orphaned({ after: 0, limit: 2 }))).toEqual([first, second]);
    expect(ids(await orphaned({ after: second, limit: 2 }))).toEqual([third]);
  });
});

test('overdue are the open attempts past their deadline', async () => {
  const late = await attempt({ overdue_s: 1 });
  await attempt({ overdue_s: -5 });
  await attempt({ overdue_s: 1, columns: { status: 'timeout' } });
  expect(ids(await overdueAssignments(session, db.names, all))).toEqual([late.assignment_id]);
});

test('revoked are the open attempts whose holder has had its time', async () => {
  const late = await attempt({ revoked_s: 21 });
  await attempt({ revoked_s: 15 });
  await attempt();
  await attempt({ revoked_s: 21, columns: { status: 'cancelled' } });
  expect(ids(await revokedAssignments(session, db.names, 20, all))).toEqual([late.assignment_id]);
});

test('foreign are the open attempts whose task is gone, not running, or another one’s', async () => {
  await attempt();
  const reset = await attempt({ task: { status: 'pending' } });
  const stolen = await attempt({ current: false });
  const tokenless = await attempt({ task: { claim_token: null } });
  const deleted = await attempt();
  await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [deleted.task_id]);
  expect(ids(await foreignAssignments(session, db.names, all))).toEqual(
    [reset, stolen, tokenless, deleted].map((row) => row.assignment_id),
  );
});

describe('lock', () => {
  const lock = async (row: AttemptRow, ref = refOf(row)) => {
    await session.write('START TRANSACTION');
    const locked = await lockAttempt(session, db.names, ref);
    await session.write('ROLLBACK');
    return locked;
  };

  test('gives task, attempt and device as they are now', async () => {
    const row = await attempt({ task: { retry: 2, lost_count: 1, target_device_id: 'worker-002' }, overdue_s: 1 });
    expect(await lock(row)).toMatchObject({
      attempt: { id: row.assignment_id, revoked_at: null },
      task: { retry: 2, lost_count: 1, target_device_id: 'worker-002' },
      overdue: 1,
      device: { status: 'online', instance_token: device.instance_token },
    });
  });

  test('a task that is not this attempt’s is not given', async () => {
    expect((await lock(await attempt({ current: false })))?.task).toBeUndefined();
    expect((await lock(await attempt({ task: { status: 'done' } })))?.task).toBeUndefined();
    const deleted = await attempt();
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [deleted.task_id]);
    const locked = await lock(deleted);
    expect(locked?.task).toBeUndefined();
    expect(locked?.attempt.id).toBe(deleted.assignment_id);
  });

  test('an attempt that is over, gone, or another claim’s gives nothing', async () => {
    expect(await lock(await attempt({ columns: { status: 'completed' } }))).toBeUndefined();
    const row = await attempt();
    expect(await lock(row, { ...refOf(row), claim_token: randomBytes(16) })).toBeUndefined();
    await session.write(`DELETE FROM ${db.names.assignment} WHERE id = ?`, [row.assignment_id]);
    expect(await lock(row)).toBeUndefined();
  });

  test.each(['task', 'assignment'] as const)('waits for nobody who holds the %s', async (table) => {
    const row = await attempt();
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names[table]} WHERE id = ? FOR UPDATE`, [
      table === 'task' ? row.task_id : row.assignment_id,
    ]);
    expect(await lock(row)).toBeUndefined();
    await other.write('ROLLBACK');
    expect(await lock(row)).toBeDefined();
  });

  test('both rows are locked afterwards', async () => {
    const row = await attempt();
    await session.write('START TRANSACTION');
    await lockAttempt(session, db.names, refOf(row));
    const other = await db.session();
    for (const [table, id] of [
      [db.names.task, row.task_id],
      [db.names.assignment, row.assignment_id],
    ]) {
      expect(await other.rows(`SELECT id FROM ${table} WHERE id = ? FOR UPDATE SKIP LOCKED`, [id])).toEqual([]);
    }
    await session.write('ROLLBACK');
  });
});

describe('rescue', () => {
  // Eight hours from UTC: next_run_at is in the zone of the table's users, every other time is UTC.
  beforeEach(async () => {
    session = await db.session({ timeZone: '+08:00' });
  });
  /** Seconds since that UTC time; what is null, or of a row that is gone, is no number. */
  const sinceUtc = async (table: string, column: string, id: number) =>
    (
      await session.rows(`SELECT TIMESTAMPDIFF(SECOND, ${column}, UTC_TIMESTAMP(3)) AS s FROM ${table} WHERE id = ?`, [
        id,
      ])
    )[0]?.s;
  const NOW = 30;
  const end: AttemptEnd = {
    assignment: { status: 'lost', cause: 'device_dead', error_class: null, error_message: 'gone' },
    task: { status: 'pending', retry: 1, lost_count: 2, due_in_s: 60, last_error: 'gone' },
  };
  const rescue = async (row: AttemptRow, what: AttemptEnd, between: () => Promise<unknown> = async () => {}) => {
    await session.write('START TRANSACTION');
    const locked = await lockAttempt(session, db.names, refOf(row));
    await between();
    try {
      await rescueAssignment(session, db.names, locked as NonNullable<typeof locked>, what);
      await session.write('COMMIT');
    } catch (error) {
      await session.write('ROLLBACK');
      throw error;
    }
  };

  test('writes both rows, and the next run in the task table’s own time', async () => {
    const row = await attempt();
    await rescue(row, end);
    const task = await readTask(session, db.names, row.task_id);
    expect(task).toMatchObject({ status: 'pending', retry: 1, lost_count: 2, claim_token: null, last_error: 'gone' });
    expect(task?.due_in_s).toBeGreaterThan(55);
    expect(task?.due_in_s).toBeLessThanOrEqual(60);
    const assignment = await readAttempt(session, db.names, row.assignment_id);
    expect(assignment).toMatchObject({ status: 'lost', cause: 'device_dead', error_message: 'gone' });
    expect(Math.abs(await sinceUtc(db.names.assignment, 'completed_at', row.assignment_id))).toBeLessThan(NOW);
  });

  test('a task that waits for nothing keeps its place and its last error when none is given', async () => {
    const row = await attempt({ task: { next_run_at: '2020-01-01 00:00:00', last_error: 'before' } });
    await rescue(row, { ...end, task: { ...(end.task as object), due_in_s: null, last_error: null } as never });
    expect(await readTask(session, db.names, row.task_id)).toMatchObject({
      next_run_at: '2020-01-01 00:00:00.000',
      last_error: 'before',
      finished_at: null,
    });
  });

  test('a task that ends for good has its time of end', async () => {
    const row = await attempt();
    await rescue(row, { ...end, task: { ...(end.task as object), status: 'failed' } as never });
    expect(Math.abs(await sinceUtc(db.names.task, 'finished_at', row.task_id))).toBeLessThan(NOW);
  });

  test('without a task only the attempt is written', async () => {
    const row = await attempt({ current: false });
    const before = await readTask(session, db.names, row.task_id);
    await rescue(row, { assignment: end.assignment });
    const after = await readTask(session, db.names, row.task_id);
    expect({ ...after, due_in_s: 0 }).toEqual({ ...before, due_in_s: 0 });
  });

  test.each(['task', 'assignment'] as const)('a stale token of the %s writes nothing at all', async (table) => {
    const row = await attempt();
    const id = table === 'task' ? row.task_id : row.assignment_id;
    const change = () =>
      session.write(`UPDATE ${db.names[table]} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
    await expect(rescue(row, end, change)).rejects.toThrow(`A locked ${table} of attempt`);
    expect((await readTask(session, db.names, row.task_id))?.status).toBe('running');
    expect((await readAttempt(session, db.names, row.assignment_id))?.status).toBe('running');
  });
});
