import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { foreignAssignments } from '../../../src/core/db/attempts/foreign-assignments.ts';
import { lockAttempt } from '../../../src/core/db/attempts/lock-attempt.ts';
import { type AttemptRef, orphanedAssignments } from '../../../src/core/db/attempts/orphaned-assignments.ts';
import { overdueAssignments } from '../../../src/core/db/attempts/overdue-assignments.ts';
import { rescueAssignment } from '../../../src/core/db/attempts/rescue-assignment.ts';
import { revokedAssignments } from '../../../src/core/db/attempts/revoked-assignments.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { AttemptEnd } from '../../../src/core/domain/attempt/lost.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import type { AttemptOptions, AttemptRow, DeviceRow } from '../../helpers/factories.ts';
import { addAttempt, addDevice, attemptRow, holding, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
let device: DeviceRow;
it.beforeEach(async () => {
  device = await addDevice('worker-001');
});

const attempt = (options: Partial<AttemptOptions> = {}) => addAttempt({ device, ...options });
const all = { after: 0, limit: 100 };
const ids = (refs: AttemptRef[]) => refs.map((ref) => ref.id);
const idsOf = (rows: AttemptRow[]) => rows.map((row) => row.assignment_id);
const refOf = ({ assignment_id: id, task_id, claim_token }: AttemptRow): AttemptRef => ({
  ...{ id, task_id, device_id: device.device_id, claim_token },
});
const remove = (table: string, id: number) => session.write(`DELETE FROM ${table} WHERE id = ?`, [id]);

it('orphaned are the open attempts of offline, removed and superseded devices, in pages by id', async () => {
  await attempt();
  // It is not superseded by any.
  await attempt({ columns: { instance_token: null } });
  const off = await addDevice('off', { columns: { status: 'offline' } });
  const orphans = idsOf([
    await attempt({ columns: { instance_token: randomBytes(16) } }),
    await attempt({ device: off }),
    await attempt({ columns: { device_id: 'nobody' } }),
  ]);
  await attempt({ device: off, columns: { status: 'completed' } });
  const orphaned = async (page = all) => ids(await orphanedAssignments(session, names, page));
  expect(await orphaned()).toEqual(orphans);
  expect(await orphaned({ after: 0, limit: 2 })).toEqual(orphans.slice(0, 2));
  expect(await orphaned({ after: orphans[1]!, limit: 2 })).toEqual(orphans.slice(2));
});

it('overdue are the open attempts past their deadline', async () => {
  const late = await attempt({ overdue_s: 1 });
  await attempt({ overdue_s: -5 });
  await attempt({ overdue_s: 1, columns: { status: 'timeout' } });
  expect(ids(await overdueAssignments(session, names, all))).toEqual([late.assignment_id]);
});

it('revoked are the open attempts whose holder has had its time', async () => {
  const late = await attempt({ revoked_s: 21 });
  await attempt({ revoked_s: 15 });
  await attempt();
  await attempt({ revoked_s: 21, columns: { status: 'cancelled' } });
  expect(ids(await revokedAssignments(session, names, 20, all))).toEqual([late.assignment_id]);
});

it('foreign are the open attempts whose task is gone, not running, or another one’s', async () => {
  await attempt();
  const foreign = [
    await attempt({ task: { status: 'pending' } }),
    await attempt({ current: false }),
    await attempt({ task: { claim_token: null } }),
    await attempt(),
  ];
  await remove(names.task, foreign[3]!.task_id);
  expect(ids(await foreignAssignments(session, names, all))).toEqual(idsOf(foreign));
});

describe('lock', () => {
  const lock = async (row: AttemptRow, ref = refOf(row)) => {
    await session.write('START TRANSACTION');
    const locked = await lockAttempt(session, names, ref);
    await session.write('ROLLBACK');
    return locked;
  };

  it('gives task, attempt and device as they are now; not a task that is not this attempt’s', async () => {
    const task = { retry: 2, lost_count: 1, target_device_id: 'worker-002' };
    const row = await attempt({ task, overdue_s: 1 });
    expect(await lock(row)).toMatchObject({
      ...{ task, overdue: 1, attempt: { id: row.assignment_id, revoked_at: null } },
      device: { status: 'online', instance_token: device.instance_token },
    });
    const deleted = await attempt();
    await remove(names.task, deleted.task_id);
    for (const other of [await attempt({ current: false }), await attempt({ task: { status: 'done' } }), deleted])
      expect(await lock(other)).toMatchObject({ task: undefined, attempt: { id: other.assignment_id } });
  });

  it('an attempt that is over, gone, or another claim’s gives nothing', async () => {
    expect(await lock(await attempt({ columns: { status: 'completed' } }))).toBeUndefined();
    const row = await attempt();
    expect(await lock(row, { ...refOf(row), claim_token: randomBytes(16) })).toBeUndefined();
    await remove(names.assignment, row.assignment_id);
    expect(await lock(row)).toBeUndefined();
  });

  it.each(['task', 'assignment'] as const)(
    'waits for nobody who holds the %s, and has it locked afterwards',
    async (table) => {
      const row = await attempt();
      const id = table === 'task' ? row.task_id : row.assignment_id;
      const other = await holding(names[table], id);
      expect(await lock(row)).toBeUndefined();
      await other.write('ROLLBACK');
      await session.write('START TRANSACTION');
      expect(await lockAttempt(session, names, refOf(row))).toBeDefined();
      const free = `SELECT id FROM ${names[table]} WHERE id = ? FOR UPDATE SKIP LOCKED`;
      expect(await other.rows(free, [id])).toEqual([]);
      await session.write('ROLLBACK');
    },
  );
});

describe('rescue', () => {
  const end: AttemptEnd = {
    assignment: { status: 'lost', cause: 'device_dead', error_class: null, error_message: 'gone' },
    task: { status: 'pending', retry: 1, lost_count: 2, due_in_s: 60, last_error: 'gone' },
  };
  const ending = (task: object): AttemptEnd => ({ ...end, task: { ...end.task, ...task } as never });
  // Eight hours from UTC: next_run_at is in the zone of the table's users, every other time is UTC.
  const rescue = async (row: AttemptRow, what: AttemptEnd, between = async (_: Session) => {}) => {
    const east = await db.session({ timeZone: '+08:00' });
    await transaction(east, async () => {
      const locked = await lockAttempt(east, names, refOf(row));
      await between(east);
      await rescueAssignment(east, names, locked!, what);
    });
    const due = `SELECT TIMESTAMPDIFF(SECOND, NOW(3), next_run_at) AS s FROM ${names.task} WHERE id = ?`;
    return Number((await east.rows(due, [row.task_id]))[0]?.s);
  };

  it('writes both rows, and the next run in the task table’s own time', async () => {
    const row = await attempt();
    const due = await rescue(row, end);
    const open = { status: 'pending', retry: 1, lost_count: 2, claim_token: null, last_error: 'gone' };
    expect(await taskRow(row.task_id)).toMatchObject(open);
    expect(await attemptRow(row.assignment_id)).toMatchObject({ ...end.assignment, error_class: null });
    expect(due).toBeGreaterThan(50);
    expect(due).toBeLessThanOrEqual(60);
  });

  it('a task that waits for nothing keeps its place and its last error when none is given', async () => {
    const before = { next_run_at: '2020-01-01 00:00:00.000', last_error: 'before' };
    const row = await attempt({ task: before });
    await rescue(row, ending({ due_in_s: null, last_error: null }));
    expect(await taskRow(row.task_id)).toMatchObject({ ...before, finished_at: null });
  });

  it.each(['task', 'assignment'] as const)('a stale token of the %s writes nothing at all', async (table) => {
    const row = await attempt();
    const id = table === 'task' ? row.task_id : row.assignment_id;
    const change = async (east: Session) => {
      await east.write(`UPDATE ${names[table]} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
    };
    await expect(rescue(row, end, change)).rejects.toThrow(`A locked ${table} of attempt`);
    expect((await taskRow(row.task_id)).status).toBe('running');
    expect((await attemptRow(row.assignment_id)).status).toBe('running');
  });
});
