// Each time that afd writes is in its own zone: UTC in its own columns, and in next_run_at, created_at and updated_at of an
// adopted task table the zone of the table's users. The sessions of these tests are eight hours from UTC: where the two are
// the same, a time in the wrong one is not seen.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { endDeferredClaims } from '../../src/core/db/attempts/end-deferred-claims.ts';
import { flushStarts } from '../../src/core/db/attempts/flush-starts.ts';
import { closeLeftClaims } from '../../src/core/db/attempts/left-claims.ts';
import { lockAttempt } from '../../src/core/db/attempts/lock-attempt.ts';
import { markBegun } from '../../src/core/db/attempts/mark-begun.ts';
import { materializeOwnClaims } from '../../src/core/db/attempts/materialize-attempts.ts';
import { releaseDeferredClaims } from '../../src/core/db/attempts/release-deferred-claims.ts';
import { rescueAssignment } from '../../src/core/db/attempts/rescue-assignment.ts';
import { returnAssigned } from '../../src/core/db/attempts/return-assigned.ts';
import { setAside } from '../../src/core/db/claim/set-aside.ts';
import { heartbeatDevice, historyStatement } from '../../src/core/db/devices/heartbeat-device.ts';
import { markDeviceDead } from '../../src/core/db/devices/mark-device-dead.ts';
import { registerByHand } from '../../src/core/db/devices/register-by-hand.ts';
import { registerDevice, retakeDevice } from '../../src/core/db/devices/register-device.ts';
import { setOperatorState } from '../../src/core/db/devices/set-operator-state.ts';
import { signOffDevice } from '../../src/core/db/devices/sign-off-device.ts';
import { discoverLanes } from '../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../src/core/db/lanes/publish-lanes.ts';
import { electLeader } from '../../src/core/db/leader/elect-leader.ts';
import { renewLeader } from '../../src/core/db/leader/renew-leader.ts';
import type { Session } from '../../src/core/db/session.ts';
import { writeSettings } from '../../src/core/db/settings/write-settings.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { cancelTask } from '../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../src/core/db/tasks/reassign-task.ts';
import { retryTask } from '../../src/core/db/tasks/retry-task.ts';
import { transaction } from '../../src/core/db/transaction.ts';
import type { AttemptEnd } from '../../src/core/domain/attempt/lost.ts';
import type { Outcome } from '../../src/core/domain/attempt/outcome.ts';
import { claims, type TestClaim } from '../helpers/claims.ts';
import { insertTask, insertWorker, readDevice } from '../helpers/factories.ts';
import { type OldDatabase, oldDatabase, T1 } from './migrations/old-table.ts';

const ZONE = '+08:00';
/** In the session's zone; every other time is UTC. */
const LOCAL: Record<string, string[]> = {
  task: ['next_run_at', 'created_at', 'updated_at', 'due_at'],
  lane: ['head_due_at'],
};
type Table = 'task' | 'assignment' | 'device' | 'leader' | 'lane' | 'setting' | 'heartbeat';

let db: OldDatabase;
let session: Session;
let names: TableNames;
const device = { device_id: 'd1', instance_token: randomBytes(16) };

beforeAll(async () => {
  db = await oldDatabase([T1], { zone: ZONE });
  await db.migrate();
  session = await db.session();
  names = db.names;
});
afterAll(() => db.drop());
beforeEach(async () => {
  for (const table of [names.assignment, names.task, names.device, names.lane, names.setting, names.heartbeat])
    await db.admin.write(`DELETE FROM ${table}`);
  await insertWorker(session, names, 'd1', { instance_token: device.instance_token });
});

/** How many hours each time of the row is off, to the hour; null = none is written. */
async function off(table: Table, where: string, values: unknown[] = []): Promise<Record<string, number | null>> {
  const columns = await session.rows<{ name: string }>(
    `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND DATA_TYPE = 'datetime'`,
    [names.plain[table]],
  );
  const hours = columns.map(({ name }) => {
    const now = LOCAL[table]?.includes(name) ? 'NOW(3)' : 'UTC_TIMESTAMP(3)';
    return `ROUND(TIMESTAMPDIFF(SECOND, ${now}, ${name}) / 3600) AS ${name}`;
  });
  const rows = await session.rows(`SELECT ${hours.join(', ')} FROM ${names[table]} WHERE ${where}`, values);
  expect(rows).toHaveLength(1);
  return Object.fromEntries(Object.entries(rows[0]!).map(([name, n]) => [name, n === null ? null : Number(n)]));
}

/** `written` = now, each in its own zone; and no time of the row is a zone away. Years away are what a test put there. */
async function inZone(table: Table, written: string[], where = 'TRUE', values: unknown[] = []): Promise<void> {
  const found = await off(table, where, values);
  expect(found).toMatchObject(Object.fromEntries(written.map((name) => [name, 0])));
  const away = Object.entries(found).filter(([, hours]) => hours !== null && hours !== 0 && Math.abs(hours) < 1000);
  expect(away).toEqual([]);
}
const task = (id: number, ...written: string[]) => inZone('task', ['updated_at', ...written], 'id = ?', [id]);
const attempt = (id: number, ...written: string[]) =>
  inZone('assignment', ['assigned_at', 'deadline_at', ...written], 'task_id = ?', [id]);
const itsDevice = (...written: string[]) => inZone('device', ['updated_at', ...written], "device_id = 'd1'");

/** Times that are years old: what comes after must write them anew. */
const OLD = { next_run_at: '2020-01-01', updated_at: '2020-01-01' };

const add = (columns: Record<string, unknown> = {}) =>
  insertTask(session, names, { username: 'u', ...OLD, ...columns });

async function claimed(as: 'record' | 'defer'): Promise<TestClaim> {
  const id = await add();
  const [one] = await claims(session, names, device).claim({ as });
  expect(one?.id).toBe(id);
  await task(id);
  await session.write(`UPDATE ${names.task} SET updated_at = '2020-01-01' WHERE id = ?`, [id]);
  return one!;
}
const ref = (one: TestClaim) => ({
  ...{ id: one.assignment_id ?? 0, task_id: one.id, claim_token: one.claim_token, device_id: 'd1' },
  orphaned: 1 as const,
});

it('a claim, its row, and its start', async () => {
  const [one, other, deferred] = [await claimed('record'), await claimed('record'), await claimed('defer')];
  await attempt(one.id);
  const start = { assignment_id: one.assignment_id!, claim_token: one.claim_token, age_ms: 5, lease_s: 60 };
  expect(await flushStarts(session, names, [start])).toEqual([]);
  // The other thread says it.
  expect(await markBegun(session, names, ref(other), 5)).toBe(1);
  for (const { id } of [one, other]) await attempt(id, 'started_at', 'updated_at');
  expect(await off('task', 'id = ?', [deferred.id])).toMatchObject({ claimed_at: 0, claim_deadline: 0 });
  expect(await materializeOwnClaims(session, names, [ref(deferred)])).toHaveLength(1);
  await attempt(deferred.id);
});

const ENDS: Array<[name: string, outcome: Outcome, written: string[]]> = [
  ['done', { kind: 'done', result: null, enqueue: [] }, ['finished_at']],
  ['failed, to be tried again', { kind: 'retry', error_message: 'no', error_class: 'E' }, ['next_run_at']],
  ['failed for good', { kind: 'permanent', error_message: 'no', error_class: 'E' }, ['finished_at']],
  ['put off', { kind: 'later', error_message: 'not now', after: 60 }, ['next_run_at']],
  ['released', { kind: 'released', cause: 'shutdown' }, []],
];
const CASES = ENDS.flatMap((one) => (['record', 'defer'] as const).map((as) => [as, ...one] as const));

it.each(CASES)('an end of a %s claim: %s', async (as, _name, outcome, written) => {
  const one = await claimed(as);
  expect(await claims(session, names, device).finish([one, outcome])).toEqual(['accepted']);
  await task(one.id, ...written);
  await attempt(one.id, 'started_at', 'completed_at');
});

it('an end of a deferred claim whose task another program has set to done', async () => {
  const one = await claimed('defer');
  await session.write(`UPDATE ${names.task} SET status = 'done'`);
  expect(await closeLeftClaims(session, names, [one.id])).toBe(1);
  await attempt(one.id, 'completed_at');
});

const rescued = (one: TestClaim, over: Partial<NonNullable<AttemptEnd['task']>>) =>
  transaction(session, async () => {
    const locked = await lockAttempt(session, names, ref(one));
    await rescueAssignment(session, names, locked!, {
      assignment: { status: 'lost', cause: 'device_dead', error_class: null, error_message: 'gone' },
      task: { status: 'pending', retry: 1, lost_count: 1, due_in_s: 60, last_error: 'gone', ...over },
    });
  });

it('the leader rescues an attempt: the task is due again, or has failed', async () => {
  const [again, over] = [await claimed('record'), await claimed('record')];
  await rescued(again, {});
  await task(again.id, 'next_run_at');
  await attempt(again.id, 'completed_at', 'updated_at');
  await rescued(over, { status: 'failed', due_in_s: null });
  await task(over.id, 'finished_at');
});

it('the leader ends a deferred claim, gives one back, and a directed task to everybody', async () => {
  const [lost, released] = [await claimed('defer'), await claimed('defer')];
  const ended = () => endDeferredClaims(session, names, [ref(lost)], () => 'device_dead', undefined);
  expect(await transaction(session, ended)).toBe(1);
  expect(await transaction(session, () => releaseDeferredClaims(session, names, [ref(released)], 'blocked'))).toBe(1);
  for (const one of [lost, released]) {
    await task(one.id);
    await attempt(one.id, 'completed_at');
  }
  const id = await add({ status: 'assigned', target_device_id: 'nobody' });
  expect(await transaction(session, () => returnAssigned(session, names, id))).toBe(true);
  await task(id);
});

it('the leader declares a device dead, is elected, renews, and publishes lanes', async () => {
  const row = await readDevice(session, names, 'd1');
  const last_heartbeat = String(row?.last_heartbeat);
  expect(await markDeviceDead(session, names, { ...device, last_heartbeat }, 'heartbeat')).toBe(true);
  await itsDevice();
  const term = await electLeader(session, names, { ...device, lease_s: 60 });
  await inZone('leader', ['acquired_at', 'renewed_at', 'expires_at']);
  expect(await renewLeader(session, names, { ...device, term: term! }, 60)).toBe(true);
  await inZone('leader', ['acquired_at', 'renewed_at', 'expires_at']);
  await add({ next_run_at: null });
  await publishLanes(session, names, await discoverLanes(session, names));
  await inZone('lane', ['head_due_at', 'published_at']);
});

it('an operator cancels a task that waits, and one that runs', async () => {
  const [runs, forced, waits] = [await claimed('record'), await claimed('record'), await add()];
  await cancelTask(session, names, waits);
  await task(waits, 'finished_at');
  await cancelTask(session, names, runs.id);
  await attempt(runs.id, 'revoked_at', 'updated_at');
  await cancelTask(session, names, forced.id, { force: true });
  await task(forced.id, 'finished_at');
  await attempt(forced.id, 'revoked_at', 'completed_at', 'updated_at');
});

it('an operator moves a task, and tries it again', async () => {
  const id = await add();
  await reassignTask(session, names, id, { to: 'd1' });
  await task(id);
  const failed = await add({ status: 'failed' });
  await retryTask(session, names, failed);
  await task(failed, 'next_run_at');
});

it('an operator puts a task aside, a device on hold, registers one, and writes settings', async () => {
  const id = await add();
  expect(await setAside(session, names, id, undefined)).toBe(1);
  await task(id, 'finished_at');
  await setOperatorState(session, names, 'd1', 'paused');
  await itsDevice();
  const values = new Map([['master.task_timeout', 60]]);
  await writeSettings(session, names, values, { by: 'anna', existing: 'replace' });
  await inZone('setting', ['updated_at'], "name = 'master.task_timeout'");
  await session.write(`UPDATE ${names.device} SET status = 'offline', updated_at = '2020-01-01'`);
  const options = { lockName: 'afd:nobody', heartbeatTimeoutS: 60 };
  expect(await registerByHand(session, names, { device_id: 'd1', port: 1 }, options)).toBe('updated');
  await itsDevice();
  expect(await registerByHand(session, names, { device_id: 'new' }, options)).toBe('created');
  await inZone('device', ['created_at', 'updated_at'], "device_id = 'new'");
});

const beat = {
  ...device,
  ...{ status: 'online' as const, active_tasks: 0, recent_claims: 0, over_limits: [], stuck: [] },
};
const forget = () =>
  session.write(
    `UPDATE ${names.device} SET last_heartbeat = '2020-01-01', lock_taken_at = '2020-01-01', updated_at = '2020-01-01'`,
  );

it('a device says of itself: its heartbeat, and the row of its history', async () => {
  await forget();
  expect(await heartbeatDevice(session, names, beat)).toBe(true);
  await itsDevice('last_heartbeat');
  const nothing = { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null };
  const { sql, values } = historyStatement(names, beat, nothing);
  await session.write(sql, values);
  await inZone('heartbeat', ['heartbeat_time']);
});

it('a device says of itself: that it is there, that it has its lock again, that it goes', async () => {
  await forget();
  await registerDevice(session, names, {
    ...{ ...device, device_name: 'd1', device_type: 'worker', ip_address: '127.0.0.1', port: 0, ring_token: null },
    ...{ capabilities: {}, max_concurrent_tasks: 5, region: null, labels: null, lock_name: 'afd:x' },
    ...{ heartbeat_interval_ms: 1000, version: '1', process: { host_name: 'host', pid: 7 } },
  });
  await itsDevice('last_heartbeat', 'lock_taken_at');
  await forget();
  expect(await retakeDevice(session, names, 'd1', device.instance_token, 'online')).toBe(true);
  await itsDevice('last_heartbeat', 'lock_taken_at');
  await forget();
  expect(await signOffDevice(session, names, 'd1', device.instance_token)).toBe(true);
  await itsDevice();
});
