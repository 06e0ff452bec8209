// What a device says of itself: that it is there, that it lives, that it goes. Each is bound to the instance that says it.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type Beat, heartbeatDevice, historyStatement } from '../../../src/core/db/devices/heartbeat-device.ts';
import { registerDevice, retakeDevice } from '../../../src/core/db/devices/register-device.ts';
import { lockHolder, lockName } from '../../../src/core/db/devices/session-lock.ts';
import { signOffDevice } from '../../../src/core/db/devices/sign-off-device.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, deviceRow } from '../../helpers/rows-here.ts';

useDatabase();
const mine = randomBytes(16);
const other = randomBytes(16);

const device = () => deviceRow('w');
const owned = (columns: Record<string, unknown> = {}) =>
  addDevice('w', { silent_s: 90, columns: { instance_token: mine, ...columns } });
const BEAT: Beat = {
  ...{ device_id: 'w', instance_token: mine, status: 'online', active_tasks: 0, recent_claims: 0 },
  ...{ over_limits: [], stuck: [] },
};
const beat = (over: Partial<Beat> = {}) => heartbeatDevice(session, names, { ...BEAT, ...over });
const silence = async () => {
  const sql = `SELECT TIMESTAMPDIFF(SECOND, last_heartbeat, UTC_TIMESTAMP(3)) AS s FROM ${names.device}`;
  return Number((await session.rows(sql))[0]?.s);
};

it('a heartbeat moves last_heartbeat, each time', async () => {
  await owned();
  for (let n = 0; n < 2; n += 1) {
    expect(await silence()).toBeGreaterThanOrEqual(90);
    expect(await beat()).toBe(true);
    expect(await silence()).toBeLessThan(30);
    await session.write(`UPDATE ${names.device} SET last_heartbeat = last_heartbeat - INTERVAL 90 SECOND`);
  }
});

it('a heartbeat of an instance that no longer owns the id, or of no device, changes nothing and says so', async () => {
  await owned({ instance_token: other });
  const before = await device();
  expect([await beat(), await beat({ device_id: 'nobody' })]).toEqual([false, false]);
  expect(await device()).toEqual(before);
});

it('a heartbeat keeps its readings within a percentage, and odd ones out', async () => {
  const readings = { cpu_usage: 250, memory_usage: -3, disk_usage: Number.NaN, system_info: { load: 1 } };
  const { sql, values } = historyStatement(names, { ...BEAT, active_tasks: 3 }, readings);
  await session.write(sql, values);
  const [row] = await session.rows(`SELECT * FROM ${names.heartbeat}`);
  expect(row).toMatchObject({ device_id: 'w', disk_usage: null, active_tasks: 3 });
  expect([Number(row!.cpu_usage), Number(row!.memory_usage)]).toEqual([100, 0]);
  expect(JSON.parse(String(row!.system_info))).toEqual({ load: 1 });
});

describe('a registration', () => {
  const register = () =>
    registerDevice(session, names, {
      ...{ device_id: 'w', device_name: 'host', device_type: 'worker', ip_address: '10.0.0.1', port: 7 },
      ...{ ring_token: null, capabilities: { browser: true }, max_concurrent_tasks: 3, region: 'eu', labels: null },
      ...{ instance_token: mine, lock_name: 'afd:w', heartbeat_interval_ms: 1500, version: '1' },
      process: { host_name: 'host', pid: 7 },
    });

  it('makes a row that lives, which says to others who is there', async () => {
    await register();
    expect(await device()).toMatchObject({
      ...{ status: 'online', instance_token: mine, lock_name: 'afd:w', lock_server: session.facts.serverName },
      ...{ operator_state: 'active', max_concurrent_tasks: 3, heartbeat_interval: 1500 },
    });
    expect(await silence()).toBeLessThan(30);
    expect(await lockHolder(session, names, 'W', 60)).toMatchObject({ ip_address: '10.0.0.1', fresh: true });
    await session.write(`UPDATE ${names.device} SET last_heartbeat = last_heartbeat - INTERVAL 90 SECOND`);
    expect(await lockHolder(session, names, 'w', 60)).toMatchObject({ host_name: 'host', pid: 7, fresh: false });
    expect(await lockHolder(session, names, 'nobody', 60)).toBeUndefined();
  });

  it('takes the row over: nothing of what the instance before held is left, but what its operator said', async () => {
    await owned({
      ...{
        instance_token: other,
        status: 'offline',
        operator_state: 'quarantined',
        current_tasks: 4,
        recent_claims: 9,
      },
      ...{ over_limits: '["memory"]', stuck: '[{"task_id": 1}]', ring_token: randomBytes(16), labels: '{"rack": "1"}' },
    });
    await register();
    expect(await device()).toMatchObject({
      ...{ status: 'online', instance_token: mine, operator_state: 'quarantined', current_tasks: 0, recent_claims: 0 },
      ...{ over_limits: null, stuck: null, ring_token: null, labels: null },
    });
  });
});

it('the lock of a device has one name for one device, however its id is spelled, and another in each schema and for each prefix', () => {
  const name = lockName('s', 'af_', 'worker-1');
  expect(lockName('s', 'af_', 'WORKER-1')).toBe(name);
  const others = [lockName('t', 'af_', 'worker-1'), lockName('s', 'ag_', 'worker-1'), lockName('s', 'af_', 'worker-2')];
  expect(new Set([name, ...others]).size).toBe(4);
});

it('the lock of a device that was taken again is of this server and of now; only the owner may say so', async () => {
  await owned({ lock_server: 'elsewhere', lock_taken_at: '2020-01-01' });
  const before = await device();
  expect(await retakeDevice(session, names, 'w', other, 'online')).toBe(false);
  expect(await device()).toEqual(before);
  expect(await retakeDevice(session, names, 'w', mine, 'busy')).toBe(true);
  const row = await device();
  expect(row).toMatchObject({ status: 'busy', lock_server: session.facts.serverName });
  expect(String(row?.lock_taken_at) > '2020-01-02').toBe(true);
  expect(await silence()).toBeLessThan(30);
});

it('signing off makes the device offline, idle and over no limit', async () => {
  await owned({ current_tasks: 2, over_limits: '["memory"]', stuck: '[{"task_id": 1}]' });
  expect(await signOffDevice(session, names, 'w', mine)).toBe(true);
  expect(await device()).toMatchObject({ status: 'offline', current_tasks: 0, over_limits: null, stuck: null });
});

it('signing off of an instance that was superseded changes nothing: its successor lives', async () => {
  await owned();
  const before = await device();
  expect(await signOffDevice(session, names, 'w', other)).toBe(false);
  expect(await device()).toEqual(before);
});
