// What the lists of devices and the figures of the fleet read, and with which index.
import { describe, expect } from 'vitest';
import { deviceMap, deviceMapStatement } from '../../../src/core/db/fleet/device-map.ts';
import { devicePage, devicePageStatement } from '../../../src/core/db/fleet/device-page.ts';
import { heartbeatHistory, historyStatement } from '../../../src/core/db/fleet/heartbeat-history.ts';
import { LANE_COUNTED, laneFigures } from '../../../src/core/db/fleet/lane-figures.ts';
import { overviewCounts, overviewRows } from '../../../src/core/db/fleet/overview.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { changeSettings } from '../../../src/core/db/settings/change-settings.ts';
import { sharedKey } from '../../../src/core/db/settings/shared-key.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

let session: Session;
let names: TableNames;

it.beforeEach(async ({ db }) => {
  names = db.names;
  session = await db.session({ multiStatements: true });
});

describe('of 1,000 devices', () => {
  it.beforeEach(async () => {
    await session.write(
      `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, last_heartbeat)
       SELECT CONCAT('w', LPAD(b.n * 100 + c.n * 10 + d.n, 3, '0')), 'w', 'worker', '', 0, 'online', UTC_TIMESTAMP(3) FROM ${manyRows(1000)}`,
    );
    await session.write(
      `INSERT INTO ${names.assignment} (task_id, attempt, device_id, claim_token, status)
       SELECT id * 10 + d.n, 1, device_id, '', IF(d.n = 0, 'running', 'completed') FROM ${names.device}, ${manyRows(10)}`,
    );
    for (const table of [names.device, names.assignment]) await session.rows(`ANALYZE TABLE ${table}`);
  });

  it('a page reads its devices in order, and of each its open attempts alone', async () => {
    const statement = devicePageStatement(names, { after: 'w499', start: 'w', limit: 50 });
    const plan = await planOf(session, statement);
    expect(plan.map((one) => one.key).filter((key) => key !== null)).toEqual(
      expect.arrayContaining(['device_id', 'idx_device_id']),
    );
    const { rows, reads, sorted } = await costOf(session, statement);
    expect([rows, sorted]).toEqual([50, 0]);
    expect(reads).toBeLessThanOrEqual(50 * 6 + 10);
    const { devices } = await devicePage(session, names, { after: 'w998', start: '', limit: 9 });
    expect(devices).toMatchObject([{ device_id: 'w999', current_tasks: 1 }]);
    expect((await devicePage(session, names, { after: 'w999', start: '', limit: 9 })).devices).toEqual([]);
    expect((await devicePage(session, names, { after: '', start: '%', limit: 9 })).devices).toEqual([]);
  });

  it('the map reads each once, and of the attempts those that are open', async () => {
    const statement = deviceMapStatement(names, 60);
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBe(1000);
    // The open entries, their groups and the sort of these, the devices, and the group of each. Of 9,000 others none.
    expect(reads).toBeLessThanOrEqual(1000 * 8 + 20);
    const { devices } = await deviceMap(session, names, 60);
    expect(devices[7]).toMatchObject({ device_id: 'w007', running: 1, silent: 0, over_limits: 0, stuck: 0 });
  });
});

it('a device is silent on the map after the time of the fleet, or if it was never heard of', async () => {
  await insertDevice(session, names, { device_id: 'a', silent_s: 50 });
  await insertDevice(session, names, { device_id: 'b', silent_s: 70, columns: { over_limits: '[]' } });
  await insertDevice(session, names, { device_id: 'c', columns: { last_heartbeat: null, stuck: '{"a":1}' } });
  const { devices } = await deviceMap(session, names, 60);
  expect(devices.map((one) => [one.device_id, Number(one.silent)])).toEqual([
    ['a', 0],
    ['b', 1],
    ['c', 1],
  ]);
});

it('the history of a device has its newest heartbeats of a day, oldest first', async () => {
  for (let n = 0; n < 30; n += 1)
    await session.write(`INSERT INTO ${names.heartbeat} (device_id, cpu_usage) VALUES (?, ?)`, [
      n % 3 === 0 ? 'a' : 'b',
      n,
    ]);
  expect((await heartbeatHistory(session, names, 'a', 3)).map((one) => Number(one.cpu_usage))).toEqual([21, 24, 27]);
  expect(await heartbeatHistory(session, names, 'a', 0)).toEqual([]);
  expect(await heartbeatHistory(session, names, 'c', 3)).toEqual([]);
  const statement = historyStatement(names, 'b', 5);
  expect((await planOf(session, statement))[0]).toMatchObject({ key: 'idx_device_id' });
  await session.write(
    `UPDATE ${names.heartbeat} SET heartbeat_time = UTC_TIMESTAMP(3) - INTERVAL 25 HOUR WHERE cpu_usage > 20`,
  );
  expect((await heartbeatHistory(session, names, 'a', 3)).map((one) => Number(one.cpu_usage))).toEqual([12, 15, 18]);
});

it('lanes are counted up to a bound, each rank by itself', async () => {
  await session.write(`INSERT INTO ${names.task} (task_type) SELECT 't' FROM ${manyRows(1000)}`);
  await session.write(`INSERT INTO ${names.task} (task_type) VALUES ('t'), ('t')`);
  await insertTask(session, names, { task_type: 't', priority: 9 });
  await insertTask(session, names, { task_type: 't', priority: 9, status: 'done' });
  const lane = laneKey('t', null);
  const { pending } = await laneFigures(
    session,
    names,
    [5, 1, 2].map((claim_rank) => ({ lane, claim_rank })),
  );
  expect(pending).toEqual([LANE_COUNTED + 1, 1, 0]);
  expect((await laneFigures(session, names, [])).pending).toEqual([]);
});

it('the figures of the fleet count over indexes alone where no time is compared', async () => {
  const device = await insertDevice(session, names, { device_id: 'w1' });
  await insertTask(session, names, { status: 'waiting' });
  await insertAttempt(session, names, { device, overdue_s: 5 });
  for (const minutes of [59, 61]) {
    const { assignment_id } = await insertAttempt(session, names, { device, columns: { status: 'completed' } });
    await session.write(
      `UPDATE ${names.assignment} SET completed_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE id = ?`,
      [minutes, assignment_id],
    );
  }
  const { counts, devices } = await overviewRows(session, names, 60);
  expect(Object.fromEntries(counts)).toMatchObject({
    task_waiting: 1,
    task_running: 3,
    overdue: 1,
    hour_completed: 1,
    hour_failed: 0,
  });
  expect(devices).toEqual([{ device_type: 'worker', status: 'online', operator_state: 'active', n: 1, slots: 5 }]);
  const keys = (await planOf(session, { sql: overviewCounts(names), values: [] }))
    .map((one) => one.key)
    .filter((key) => key?.includes('_'));
  expect(new Set(keys)).toEqual(new Set(['afd_claim', 'idx_status']));
});

describe('settings that are changed', () => {
  const none = () => {};

  it('are written only when the check of the values of before lets them', async () => {
    const change = (value: number, check: (before: ReadonlyMap<string, unknown>) => void = none) =>
      changeSettings(session, names, ['a', 'b'], { values: new Map([['a', value]]), by: 'me', check });
    expect(await change(1)).toEqual(new Map());
    const refuse = () => {
      throw new Error('no');
    };
    await expect(change(2, refuse)).rejects.toThrow('no');
    expect(await change(3)).toEqual(new Map([['a', 1]]));
  });

  it('are locked from the check to the write', async ({ db }) => {
    const other = await db.session({ multiStatements: true });
    const values = new Map([['a', 0]]);
    await changeSettings(session, names, ['a'], { values, by: 'me', check: none });
    let second: Promise<unknown> | undefined;
    let seen: unknown;
    const first = changeSettings(session, names, ['a'], {
      values: new Map([['a', 5]]),
      by: 'one',
      check: () => {
        second = changeSettings(other, names, ['a'], {
          values: new Map([['a', 6]]),
          by: 'two',
          check: (before) => {
            seen = before.get('a');
          },
        });
      },
    });
    await first;
    await second;
    expect(seen).toBe(5);
  });

  it('have one key for signatures, that of the first who asks; another row in its place is refused', async ({ db }) => {
    const others = await Promise.all([0, 1, 2].map(() => db.session({ multiStatements: true })));
    const keys = await Promise.all(others.map((one, n) => sharedKey(one, names, `${n}`.repeat(64))));
    expect(new Set(keys).size).toBe(1);
    expect(await sharedKey(session, names, 'f'.repeat(64))).toBe(keys[0]);
    await session.write(`UPDATE ${names.setting} SET value = '"short"' WHERE name = 'http.signing_key'`);
    await expect(sharedKey(session, names, 'f'.repeat(64))).rejects.toMatchObject({ code: 'E_CONFLICT' });
  });
});
