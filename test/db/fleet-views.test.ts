// What is read of the fleet: who may be rung, who leads and whether its lock says anything, what a device holds, which tasks
// may be claimed. Each with what it must leave out.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { earlierDeferredClaims } from '../../src/core/db/attempts/deferred-claims.ts';
import { earlierAttempts } from '../../src/core/db/attempts/earlier-attempts.ts';
import { ringTargets, ringTargetsStatement } from '../../src/core/db/devices/ring-targets.ts';
import { showDevice } from '../../src/core/db/devices/show-device.ts';
import { deviceMap, deviceMapStatement } from '../../src/core/db/fleet/device-map.ts';
import { devicePage, devicePageStatement } from '../../src/core/db/fleet/device-page.ts';
import { overviewCounts, overviewRows } from '../../src/core/db/fleet/overview.ts';
import { HEARTBEATS } from '../../src/core/db/history/day-partitions.ts';
import { deleteOld } from '../../src/core/db/history/delete-old.ts';
import { pollDue } from '../../src/core/db/lanes/due-work.ts';
import { electLeader } from '../../src/core/db/leader/elect-leader.ts';
import { readLease } from '../../src/core/db/leader/read-lease.ts';
import { cutIdleSession } from '../../src/core/db/server/cut-session.ts';
import { claimableTask, claimableTasksStatement } from '../../src/core/db/tasks/claimable-tasks.ts';
import { claimRank, laneKey } from '../../src/core/domain/lane.ts';
import { db, it, names, session, useDatabase } from '../helpers/database-here.ts';
import { addAttempt, addDeferred, addDevice, addTask } from '../helpers/rows-here.ts';
import { statementRuns } from '../helpers/running-statement.ts';
import { costOf, manyRows, planOf } from '../helpers/statement-cost.ts';

useDatabase();

it('rung are workers that are there, active, and have said where', async () => {
  const rings = (device_id: string, columns: Record<string, unknown> = {}) =>
    addDevice(device_id, { columns: { port: 4711, ring_token: randomBytes(16), ...columns } });
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

it('the lock of who leads says something only if it was taken on this server, since its start, and that is old enough', async () => {
  const free = async (trust = 0) => (await readLease(session, names, trust))?.lock_free;
  const { serverName } = session.facts;
  await addDevice('a', { lock_taken_s: 0 });
  await electLeader(session, names, { device_id: 'a', instance_token: randomBytes(16), lease_s: 60 });
  expect([await free(), await free(1_000_000_000)]).toEqual([1, 0]);
  for (const [columns, expected] of [
    [{ lock_server: 'another:1' }, 0],
    [{ lock_server: serverName }, 1],
    [{ lock_taken_at: '2000-01-01' }, 0],
  ] as const) {
    await session.write(`UPDATE ${names.device} SET ?`, [columns]);
    expect(await free()).toBe(expected);
  }
});

it('a device shows its newest reading, and what it holds now, oldest first', async () => {
  const [device, other] = [await addDevice('w'), await addDevice('x')];
  expect(await showDevice(session, names, 'w')).toEqual({ readings: undefined, assignments: [] });
  await session.write(
    `INSERT INTO ${names.heartbeat} (device_id, cpu_usage, active_tasks) VALUES ('w', 10, 0), ('w', 20, 0), ('x', 30, 0)`,
  );
  const first = await addAttempt({ device });
  const second = await addAttempt({ device, columns: { status: 'assigned' } });
  await addAttempt({ device, columns: { status: 'completed' } });
  await addAttempt({ device: other });
  const { readings, assignments } = await showDevice(session, names, 'w');
  expect(Number(readings?.cpu_usage)).toBe(20);
  expect(assignments.map((one) => [one.task_id, one.status, one.task_type])).toEqual([
    [first.task_id, 'running', 'sync_data'],
    [second.task_id, 'assigned', 'sync_data'],
  ]);
});

it('a device that was started again finds what the processes before it left, and nothing of its own or of others', async () => {
  const mine = await addDevice('w');
  const before = { ...mine, instance_token: randomBytes(16) };
  const other = await addDevice('x');
  const left = await addAttempt({ device: before });
  const nobody = await addAttempt({ device: { ...mine, instance_token: null as never } });
  await addAttempt({ device: before, columns: { status: 'lost' } });
  const deferred = await addDeferred(before);
  for (const device of [mine, other]) {
    await addAttempt({ device });
    await addDeferred(device);
  }
  const rows = await earlierAttempts(session, names, 'w', mine.instance_token);
  expect(rows.map((one) => one.id).sort()).toEqual([left.assignment_id, nobody.assignment_id].sort());
  expect(await earlierDeferredClaims(session, names, 'w', mine.instance_token)).toMatchObject([deferred]);
});

it('of named tasks: those that are due and wait may be claimed, with the only device that may have each', async () => {
  const ids = [
    await addTask(),
    await addTask({ status: 'assigned', target_device_id: 'w' }),
    await addTask({ target_device_id: 'w' }),
    await addTask({ next_run_at: '2099-01-01' }),
    await addTask({ status: 'done' }),
  ];
  const { sql, values } = claimableTasksStatement(names, ids);
  const found = (await session.rows(sql, values)).map(claimableTask);
  expect(found.map((one) => one.target_device_id)).toEqual([null, 'w', null]);
  expect(found[0]).toMatchObject({ lane: laneKey('sync_data', null), claim_rank: claimRank(5) });
});

it('by one device: what is directed at it and due now may be claimed, not later, not at others', async () => {
  const directed = async (columns: Record<string, unknown>) => {
    await session.write(`DELETE FROM ${names.task}`);
    await addTask({ status: 'assigned', target_device_id: 'w', ...columns });
    return (await pollDue(session, names, 'w', [])).directed;
  };
  expect(await directed({})).toBe(true);
  for (const columns of [{ next_run_at: '2099-01-01' }, { target_device_id: 'x' }, { status: 'running' }])
    expect(await directed(columns)).toBe(false);
});

it('old rows of the history go, the oldest first, and young ones stay', async () => {
  const beats = [0, 1.9, 2.1, 50].map((days) => `('w', UTC_TIMESTAMP(3) - INTERVAL ${days * 24} HOUR)`);
  await session.write(`INSERT INTO ${names.heartbeat} (device_id, heartbeat_time) VALUES ${beats.join(', ')}`);
  expect(await deleteOld(session, names, HEARTBEATS, 2)).toBe(2);
  expect(await deleteOld(session, names, HEARTBEATS, 2)).toBe(0);
  const ages = await session.rows(
    `SELECT TIMESTAMPDIFF(DAY, heartbeat_time, UTC_TIMESTAMP(3)) AS days FROM ${names.heartbeat} ORDER BY days`,
  );
  expect(ages.map(({ days }) => Number(days))).toEqual([0, 1]);
});

it('a session that works is not cut: what it does is not known to be left', async () => {
  const other = await db.session();
  // Interrupted below; its answer may come before that of KILL.
  const working = other.rows('SELECT SLEEP(20) AS slept').catch(() => undefined);
  await statementRuns(session, 'SELECT SLEEP%');
  expect(await cutIdleSession(session, other.facts.connectionId)).toBe(false);
  await statementRuns(session, 'SELECT SLEEP%');
  await session.write(`KILL QUERY ${other.facts.connectionId}`);
  await working;
});

it('of 1,000 devices a page and the map read each once, in order, and of its attempts those that are open', async () => {
  await session.write(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, last_heartbeat)
     SELECT CONCAT('w', LPAD(b.n * 100 + c.n * 10 + d.n, 3, '0')), 'w', 'worker', '', 0, 'online', UTC_TIMESTAMP(3) FROM ${manyRows(1000)}`,
  );
  await session.write(
    `INSERT INTO ${names.assignment} (task_id, attempt, device_id, claim_token, status)
     SELECT id * 10 + d.n, 1, device_id, '', IF(d.n = 0, 'running', 'completed') FROM ${names.device}, ${manyRows(10)}`,
  );
  for (const table of [names.device, names.assignment]) await session.rows(`ANALYZE TABLE ${table}`);
  const page = await costOf(session, devicePageStatement(names, { after: 'w499', start: 'w', limit: 50 }));
  expect(page).toMatchObject({ rows: 50, sorted: 0 });
  expect(page.reads).toBeLessThanOrEqual(50 * 6 + 10);
  const devices = async (after: string, start = '') =>
    (await devicePage(session, names, { after, start, limit: 9 })).devices;
  expect(await devices('w998')).toMatchObject([{ device_id: 'w999', current_tasks: 1 }]);
  expect([await devices('w999'), await devices('', '%')]).toEqual([[], []]);
  const map = await costOf(session, deviceMapStatement(names, 60));
  expect(map.rows).toBe(1000);
  // The open entries, their groups and the sort of these, the devices, and the group of each. Of 9,000 others none.
  expect(map.reads).toBeLessThanOrEqual(1000 * 8 + 20);
  const shown = { device_id: 'w007', running: 1, silent: 0, over_limits: 0, stuck: 0 };
  expect((await deviceMap(session, names, 60)).devices[7]).toMatchObject(shown);
});

it('the figures of the fleet count over indexes alone where no time is compared', async () => {
  const device = await addDevice('w1');
  await addTask({ status: 'waiting' });
  await addAttempt({ device, overdue_s: 5 });
  for (const minutes of [59, 61]) {
    const { assignment_id } = await addAttempt({ device, columns: { status: 'completed' } });
    await session.write(
      `UPDATE ${names.assignment} SET completed_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE id = ?`,
      [minutes, assignment_id],
    );
  }
  const { counts, devices } = await overviewRows(session, names, 60);
  const expected = { task_waiting: 1, task_running: 3, overdue: 1, hour_completed: 1, hour_failed: 0 };
  expect(Object.fromEntries(counts)).toMatchObject(expected);
  expect(devices).toEqual([{ device_type: 'worker', status: 'online', operator_state: 'active', n: 1, slots: 5 }]);
  const plan = await planOf(session, { sql: overviewCounts(names), values: [] });
  const keys = plan.map((one) => one.key).filter((key) => key?.includes('_'));
  expect(new Set(keys)).toEqual(new Set(['afd_claim', 'idx_status']));
});
