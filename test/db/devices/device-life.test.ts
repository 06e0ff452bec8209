// What a device says of itself: that it is there, that it lives, that it goes. Each is bound to the instance that says it.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { deviceOwner } from '../../../src/core/db/devices/device-owner.ts';
import { type Beat, heartbeatDevice, historyStatement } from '../../../src/core/db/devices/heartbeat-device.ts';
import { registerDevice, retakeDevice } from '../../../src/core/db/devices/register-device.ts';
import { lockHolder, lockName } from '../../../src/core/db/devices/session-lock.ts';
import { signOffDevice } from '../../../src/core/db/devices/sign-off-device.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, readDevice } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let names: TableNames;
const mine = randomBytes(16);
const other = randomBytes(16);

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  names = db.names;
});

const device = () => readDevice(session, names, 'w');
const owned = (columns: Record<string, unknown> = {}) =>
  insertDevice(session, names, { device_id: 'w', silent_s: 90, columns: { instance_token: mine, ...columns } });
const beat = (over: Partial<Beat> = {}) =>
  heartbeatDevice(session, names, {
    ...{
      device_id: 'w',
      instance_token: mine,
      status: 'online',
      active_tasks: 0,
      recent_claims: 0,
      over_limits: [],
      stuck: [],
    },
    ...over,
  });
const silence = async () =>
  Number(
    (
      await session.rows(
        `SELECT TIMESTAMPDIFF(SECOND, last_heartbeat, UTC_TIMESTAMP(3)) AS s FROM ${names.device} WHERE device_id = 'w'`,
      )
    )[0]?.s,
  );

describe('a heartbeat', () => {
  it('moves last_heartbeat, each time', async () => {
    await owned();
    for (let n = 0; n < 2; n += 1) {
      expect(await silence()).toBeGreaterThanOrEqual(90);
      expect(await beat()).toBe(true);
      expect(await silence()).toBeLessThan(30);
      await session.write(`UPDATE ${names.device} SET last_heartbeat = last_heartbeat - INTERVAL 90 SECOND`);
    }
  });

  it('brings a device back that was declared dead, and leaves what its operator said', async () => {
    await owned({ status: 'offline', operator_state: 'paused' });
    expect(await beat({ status: 'busy', active_tasks: 5 })).toBe(true);
    expect(await device()).toMatchObject({ status: 'busy', operator_state: 'paused', current_tasks: 5 });
  });

  it('of an instance that no longer owns the id, or of no device, changes nothing and says so', async () => {
    await owned({ instance_token: other });
    const before = await device();
    expect(await beat()).toBe(false);
    expect(await beat({ device_id: 'nobody' })).toBe(false);
    expect(await device()).toEqual(before);
  });

  it('keeps its readings within a percentage, and odd ones out', async () => {
    const readings = { cpu_usage: 250, memory_usage: -3, disk_usage: Number.NaN, system_info: { load: 1 } };
    const told = { device_id: 'w', instance_token: mine, status: 'online' as const, active_tasks: 3 };
    const { sql, values } = historyStatement(
      names,
      { ...told, recent_claims: 0, over_limits: [], stuck: [] },
      readings,
    );
    await session.write(sql, values);
    const [row] = await session.rows(`SELECT * FROM ${names.heartbeat} WHERE device_id = 'w'`);
    expect(row).toMatchObject({ disk_usage: null, active_tasks: 3 });
    expect([Number(row!.cpu_usage), Number(row!.memory_usage)]).toEqual([100, 0]);
    expect(JSON.parse(String(row!.system_info))).toEqual({ load: 1 });
  });
});

describe('a registration', () => {
  const register = (instance_token: Buffer) =>
    registerDevice(session, names, {
      ...{ device_id: 'w', device_name: 'host', device_type: 'worker', ip_address: '10.0.0.1', port: 7 },
      ...{ ring_token: null, capabilities: { browser: true }, max_concurrent_tasks: 3, region: 'eu', labels: null },
      ...{ instance_token, lock_name: 'afd:w', heartbeat_interval_ms: 1500, version: '1' },
      process: { host_name: 'host', pid: 7 },
    });

  it('makes a row that lives', async () => {
    await register(mine);
    expect(await device()).toMatchObject({
      ...{ status: 'online', instance_token: mine, lock_name: 'afd:w', lock_server: session.facts.serverName },
      ...{ operator_state: 'active', max_concurrent_tasks: 3, heartbeat_interval: 1500 },
    });
    expect(await silence()).toBeLessThan(30);
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
    await register(mine);
    expect(await device()).toMatchObject({
      ...{ status: 'online', instance_token: mine, operator_state: 'quarantined', current_tasks: 0, recent_claims: 0 },
      ...{ over_limits: null, stuck: null, ring_token: null, labels: null },
    });
    expect(await session.rows(`SELECT id FROM ${names.device}`)).toHaveLength(1);
  });

  it('says to others who is there, and whether he lives', async () => {
    await register(mine);
    expect(await lockHolder(session, names, 'W', 60)).toMatchObject({ ip_address: '10.0.0.1', fresh: true });
    await session.write(`UPDATE ${names.device} SET last_heartbeat = last_heartbeat - INTERVAL 90 SECOND`);
    expect(await lockHolder(session, names, 'w', 60)).toMatchObject({ host_name: 'host', pid: 7, fresh: false });
    expect(await lockHolder(session, names, 'nobody', 60)).toBeUndefined();
  });
});

describe('the lock of a device', () => {
  it('has one name for one device, however its id is spelled, and another in each schema and for each prefix', () => {
    const name = lockName('s', 'af_', 'worker-1');
    expect(lockName('s', 'af_', 'WORKER-1')).toBe(name);
    expect(name.length).toBeLessThanOrEqual(64);
    const others = [
      lockName('t', 'af_', 'worker-1'),
      lockName('s', 'b_', 'worker-1'),
      lockName('s', 'af_', 'worker-2'),
    ];
    expect(new Set([name, ...others]).size).toBe(4);
  });

  it('that was taken again is of this server and of now; only the owner may say so', async () => {
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

  it('is known to be held by this very connection, or not', async () => {
    const { lock_name } = await owned();
    const owner = () => deviceOwner(session, names, 'w', lock_name);
    const instance = mine.toString('hex').toUpperCase();
    expect(await owner()).toEqual({ locked: false, instance });
    const holder = await db.session();
    await holder.rows('SELECT GET_LOCK(?, 0)', [lock_name]);
    expect(await owner()).toEqual({ locked: false, instance });
    expect(await deviceOwner(holder, names, 'w', lock_name)).toEqual({ locked: true, instance });
    await session.write(`UPDATE ${names.device} SET instance_token = NULL`);
    expect((await owner()).instance).toBe('');
    expect((await deviceOwner(session, names, 'nobody', lock_name)).instance).toBeUndefined();
  });
});

describe('signing off', () => {
  it('makes the device offline, idle and over no limit', async () => {
    await owned({ current_tasks: 2, over_limits: '["memory"]', stuck: '[{"task_id": 1}]' });
    expect(await signOffDevice(session, names, 'w', mine)).toBe(true);
    expect(await device()).toMatchObject({ status: 'offline', current_tasks: 0, over_limits: null, stuck: null });
  });

  it('of an instance that was superseded changes nothing: its successor lives', async () => {
    await owned();
    const before = await device();
    expect(await signOffDevice(session, names, 'w', other)).toBe(false);
    expect(await device()).toEqual(before);
  });
});
