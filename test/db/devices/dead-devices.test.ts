import { describe, expect } from 'vitest';
import { heartbeatCoverage } from '../../../src/core/db/devices/heartbeat-coverage.ts';
import { markDeviceDead } from '../../../src/core/db/devices/mark-device-dead.ts';
import { silentDevices } from '../../../src/core/db/devices/silent-devices.ts';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { type DeviceOptions, type DeviceRow, insertDevice, readDevice } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const device = (device_id: string, options: DeviceOptions = {}) =>
  insertDevice(session, db.names, { device_id, lock_taken_s: 1, ...options });
async function hold(row: DeviceRow) {
  const holder = await db.session();
  await holder.rows('SELECT GET_LOCK(?, 0)', [row.lock_name]);
  return holder;
}

describe('unlocked devices', () => {
  const unlocked = async (trust = 0) => (await unlockedDevices(session, db.names, trust)).map((one) => one.device_id);

  test('are those whose lock is free: online and busy ones, not offline ones', async () => {
    await device('online');
    await device('busy', { columns: { status: 'busy' } });
    await device('offline', { columns: { status: 'offline' } });
    await hold(await device('held'));
    expect((await unlocked()).sort()).toEqual(['busy', 'online']);
  });

  test('come with all that moves when they live', async () => {
    const { instance_token } = await device('a');
    const [row] = await unlockedDevices(session, db.names, 0);
    expect(row).toMatchObject({ device_id: 'a', instance_token });
    expect(row?.last_heartbeat).toMatch(/^\d{4}-/);
    expect(row?.lock_taken_at).toMatch(/^\d{4}-/);
  });

  test('need a lock of this server since its start, and a server old enough', async () => {
    await device('elsewhere', { columns: { lock_server: 'x:1' } });
    await device('before', { lock_taken_s: 1_000_000_000 });
    await device('never', { columns: { lock_name: null, lock_server: null } });
    expect(await unlocked()).toEqual([]);
    await device('here');
    expect(await unlocked()).toEqual(['here']);
    expect(await unlocked(1_000_000_000)).toEqual([]);
  });

  test('a lock is free once its session is gone', async () => {
    const holder = await hold(await device('a'));
    expect(await unlocked()).toEqual([]);
    await holder.close();
    // The server ends the session in its own time, a few milliseconds after the goodbye.
    await until(async () => (await unlocked())[0] === 'a');
  });
});

describe('silent devices', () => {
  test('are those without a heartbeat for the timeout, and without any', async () => {
    await device('fresh', { silent_s: 15 });
    await device('silent', { silent_s: 21 });
    await device('never', { columns: { last_heartbeat: null } });
    await device('offline', { silent_s: 21, columns: { status: 'offline' } });
    const check = await silentDevices(session, db.names, 20);
    expect(check.silent.map((one) => one.device_id).sort()).toEqual(['never', 'silent']);
    expect(check.silent.find((one) => one.device_id === 'silent')?.silent_s).toBeGreaterThanOrEqual(21);
    expect(check.online).toBe(3);
    expect(check.uptime_s).toBeGreaterThan(0);
  });

  test('nobody silent still says what the clock and the server say', async () => {
    const check = await silentDevices(session, db.names, 20);
    expect(check).toMatchObject({ silent: [], online: 0 });
    const [row] = await session.rows<{ s: number }>('SELECT UNIX_TIMESTAMP(NOW(3)) AS s');
    expect(Math.abs(check.database_ms / 1000 - Number(row?.s))).toBeLessThan(5);
  });
});

describe('coverage', () => {
  const beat = (ago: number) =>
    session.write(
      `INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ('x', UTC_TIMESTAMP(3) - INTERVAL ? SECOND)`,
      [ago],
    );

  test('needs a heartbeat in every third of the window', async () => {
    expect(await heartbeatCoverage(session, db.names, 60)).toBe(false);
    await beat(5);
    await beat(10);
    await beat(55);
    expect(await heartbeatCoverage(session, db.names, 60)).toBe(false);
    await beat(30);
    expect(await heartbeatCoverage(session, db.names, 60)).toBe(true);
  });

  test('what is older than the window does not count', async () => {
    for (const ago of [5, 30, 65]) await beat(ago);
    expect(await heartbeatCoverage(session, db.names, 60)).toBe(false);
  });
});

describe('mark dead', () => {
  const seen = async (id: string) => {
    const row = await readDevice(session, db.names, id);
    return {
      device_id: id,
      instance_token: row?.instance_token as Buffer,
      last_heartbeat: row?.last_heartbeat as string,
    };
  };
  const mark = (one: Awaited<ReturnType<typeof seen>>, by: 'lock' | 'heartbeat' = 'heartbeat') =>
    markDeviceDead(session, db.names, one, by);
  const status = async (id: string) => (await readDevice(session, db.names, id))?.status;

  test('happens once', async () => {
    await device('a', { silent_s: 99 });
    const one = await seen('a');
    expect([await mark(one), await mark(one)]).toEqual([true, false]);
    expect(await status('a')).toBe('offline');
  });

  test('does not happen when it has shown life since it was seen', async () => {
    await device('a', { silent_s: 99 });
    const one = await seen('a');
    await session.write(`UPDATE ${db.names.device} SET last_heartbeat = UTC_TIMESTAMP(3)`);
    expect(await mark(one)).toBe(false);
    await session.write(`UPDATE ${db.names.device} SET instance_token = UNHEX(REPEAT('0F', 16)), last_heartbeat = ?`, [
      one.last_heartbeat,
    ]);
    expect(await mark(one)).toBe(false);
    expect(await status('a')).toBe('online');
  });

  test('by lock it needs the lock to be free in that moment; by heartbeat it does not', async () => {
    await hold(await device('a'));
    expect(await mark(await seen('a'), 'lock')).toBe(false);
    expect(await mark(await seen('a'), 'heartbeat')).toBe(true);
  });

  test('a device without heartbeat or instance can be marked', async () => {
    await device('a', { columns: { last_heartbeat: null, instance_token: null, lock_name: null } });
    expect(await mark(await seen('a'))).toBe(true);
  });
});
