// What is read of the fleet: who may be rung, who leads and whether its lock says anything, what a device holds, which tasks
// may be claimed. Each with what it must leave out.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { earlierDeferredClaims } from '../../src/core/db/attempts/deferred-claims.ts';
import { earlierAttempts } from '../../src/core/db/attempts/earlier-attempts.ts';
import { ringTargets, ringTargetsStatement } from '../../src/core/db/devices/ring-targets.ts';
import { showDevice } from '../../src/core/db/devices/show-device.ts';
import { HEARTBEATS } from '../../src/core/db/history/day-partitions.ts';
import { deleteOld } from '../../src/core/db/history/delete-old.ts';
import { pollDue } from '../../src/core/db/lanes/due-work.ts';
import { electLeader } from '../../src/core/db/leader/elect-leader.ts';
import { getLeader } from '../../src/core/db/leader/get-leader.ts';
import { readLease } from '../../src/core/db/leader/read-lease.ts';
import { cutIdleSession } from '../../src/core/db/server/cut-session.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { claimableTask, claimableTasksStatement } from '../../src/core/db/tasks/claimable-tasks.ts';
import { claimRank, laneKey } from '../../src/core/domain/lane.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertDeferredClaim } from '../helpers/deferred-claim.ts';
import { insertAttempt, insertDevice, insertLeader, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { until } from '../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let names: TableNames;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  names = db.names;
});

it('rung are workers that are there, active, and have said where', async () => {
  const rings = (device_id: string, columns: Record<string, unknown> = {}) =>
    insertDevice(session, names, { device_id, columns: { port: 4711, ring_token: randomBytes(16), ...columns } });
  await rings('online');
  await rings('busy', { status: 'busy' });
  await rings('offline', { status: 'offline' });
  for (const operator_state of ['paused', 'draining', 'quarantined']) await rings(operator_state, { operator_state });
  await rings('leader', { device_type: 'master' });
  await rings('nowhere', { port: 0 });
  await rings('tokenless', { ring_token: null });
  const { sql, values } = ringTargetsStatement(names);
  const found = ringTargets(await session.rows(sql, values)).map((one) => one.device_id);
  expect(found.sort()).toEqual(['busy', 'online']);
});

describe('the lock of who leads', () => {
  const free = async (trust = 0) => (await readLease(session, names, trust))?.lock_free;
  const set = (column: string, value: unknown) => session.write(`UPDATE ${names.device} SET ${column} = ?`, [value]);

  it('says something only if it was taken on this server, since its start, and the server is old enough', async () => {
    await insertDevice(session, names, { device_id: 'a', lock_taken_s: 0 });
    await electLeader(session, names, { device_id: 'a', instance_token: randomBytes(16), lease_s: 60 });
    expect(await free()).toBe(1);
    expect(await free(1_000_000_000)).toBe(0);
    await set('lock_server', 'another:1');
    expect(await free()).toBe(0);
    await set('lock_server', session.facts.serverName);
    expect(await free()).toBe(1);
    await set('lock_taken_at', '2000-01-01');
    expect(await free()).toBe(0);
  });
});

describe('who leads', () => {
  it('is nobody once the lease has run out: the last holder is shown apart', async () => {
    expect(await getLeader(session, names)).toMatchObject({ device_id: null, last_holder: null, term: 0 });
    await insertLeader(session, names, 'a', 3);
    expect(await getLeader(session, names)).toMatchObject({ device_id: 'a', last_holder: 'a', term: 3 });
    await session.write(`UPDATE ${names.leader} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND`);
    expect(await getLeader(session, names)).toMatchObject({ device_id: null, last_holder: 'a', term: 3, failing: [] });
  });
});

describe('a device', () => {
  it('shows its newest reading, and what it holds now, oldest first', async () => {
    const device = await insertDevice(session, names, { device_id: 'w' });
    const other = await insertDevice(session, names, { device_id: 'x' });
    expect(await showDevice(session, names, 'w')).toEqual({ readings: undefined, assignments: [] });
    const reading = `INSERT INTO ${names.heartbeat} (device_id, cpu_usage, active_tasks) VALUES (?, ?, 0)`;
    for (const [id, cpu] of [
      ['w', 10],
      ['w', 20],
      ['x', 30],
    ])
      await session.write(reading, [id, cpu]);
    const first = await insertAttempt(session, names, { device });
    const second = await insertAttempt(session, names, { device, columns: { status: 'assigned' } });
    await insertAttempt(session, names, { device, columns: { status: 'completed' } });
    await insertAttempt(session, names, { device: other });
    const { readings, assignments } = await showDevice(session, names, 'w');
    expect(Number(readings?.cpu_usage)).toBe(20);
    expect(assignments.map((one) => [one.task_id, one.status, one.task_type])).toEqual([
      [first.task_id, 'running', 'sync_data'],
      [second.task_id, 'assigned', 'sync_data'],
    ]);
  });

  it('that was started again finds what the processes before it left, and nothing of its own or of others', async () => {
    const mine = await insertDevice(session, names, { device_id: 'w' });
    const before = { ...mine, instance_token: randomBytes(16) };
    const other = await insertDevice(session, names, { device_id: 'x' });
    const left = await insertAttempt(session, names, { device: before });
    const nobody = await insertAttempt(session, names, { device: { ...mine, instance_token: null as never } });
    await insertAttempt(session, names, { device: before, columns: { status: 'lost' } });
    for (const device of [mine, other]) await insertAttempt(session, names, { device });
    const deferred = await insertDeferredClaim(session, names, before);
    for (const device of [mine, other]) await insertDeferredClaim(session, names, device);
    const rows = await earlierAttempts(session, names, 'w', mine.instance_token);
    expect(rows.map((one) => one.id).sort()).toEqual([left.assignment_id, nobody.assignment_id].sort());
    expect(await earlierDeferredClaims(session, names, 'w', mine.instance_token)).toMatchObject([deferred]);
  });
});

describe('what may be claimed', () => {
  it('of named tasks: those that are due and wait, with the only device that may have each', async () => {
    const pending = await insertTask(session, names);
    const directed = await insertTask(session, names, { status: 'assigned', target_device_id: 'w' });
    const meant = await insertTask(session, names, { target_device_id: 'w' });
    const later = await insertTask(session, names, { next_run_at: '2099-01-01' });
    const over = await insertTask(session, names, { status: 'done' });
    const { sql, values } = claimableTasksStatement(names, [pending, directed, meant, later, over]);
    const found = (await session.rows(sql, values)).map(claimableTask);
    expect(found.map((one) => one.target_device_id)).toEqual([null, 'w', null]);
    expect(found[0]).toMatchObject({ lane: laneKey('sync_data', null), claim_rank: claimRank(5) });
  });

  it('by one device: what is directed at it and due now, not later, not at others', async () => {
    const directed = async (columns: Record<string, unknown>) => {
      await session.write(`DELETE FROM ${names.task}`);
      await insertTask(session, names, { status: 'assigned', target_device_id: 'w', ...columns });
      return (await pollDue(session, names, 'w', [])).directed;
    };
    expect(await directed({})).toBe(true);
    expect(await directed({ next_run_at: '2099-01-01' })).toBe(false);
    expect(await directed({ target_device_id: 'x' })).toBe(false);
    expect(await directed({ status: 'running' })).toBe(false);
  });
});

it('old rows of the history go, the oldest first, and young ones stay', async () => {
  const beat = (days: number) =>
    session.write(
      `INSERT INTO ${names.heartbeat} (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL ? HOUR)`,
      [days * 24],
    );
  for (const days of [0, 1.9, 2.1, 50]) await beat(days);
  expect(await deleteOld(session, names, HEARTBEATS, 2)).toBe(2);
  expect(await deleteOld(session, names, HEARTBEATS, 2)).toBe(0);
  const ages = await session.rows(
    `SELECT TIMESTAMPDIFF(DAY, heartbeat_time, UTC_TIMESTAMP(3)) AS days FROM ${names.heartbeat} ORDER BY days`,
  );
  expect(ages.map(({ days }) => Number(days))).toEqual([0, 1]);
});

it('a session that works is not cut: what it does is not known to be left', async () => {
  const other = await db.session();
  const { connectionId } = other.facts;
  // Interrupted below; its answer may come before that of KILL.
  const working = other.rows('SELECT SLEEP(20) AS slept').catch(() => undefined);
  const doing = async () =>
    (await session.rows('SELECT COMMAND AS what FROM information_schema.PROCESSLIST WHERE ID = ?', [connectionId]))[0]
      ?.what;
  await until(async () => (await doing()) === 'Query');
  expect(await cutIdleSession(session, connectionId)).toBe(false);
  expect(await doing()).toBe('Query');
  await session.write(`KILL QUERY ${connectionId}`);
  await working;
});
