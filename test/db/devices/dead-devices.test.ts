import { expect } from 'vitest';
import { heartbeatCoverage } from '../../../src/core/db/devices/heartbeat-coverage.ts';
import { markDeviceDead } from '../../../src/core/db/devices/mark-device-dead.ts';
import { silentDevices } from '../../../src/core/db/devices/silent-devices.ts';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import type { DeviceOptions, DeviceRow } from '../../helpers/factories.ts';
import { addDevice, deviceRow } from '../../helpers/rows-here.ts';
import { until } from '../../helpers/wait.ts';

useDatabase();
const device = (device_id: string, options: DeviceOptions = {}) =>
  addDevice(device_id, { lock_taken_s: 1, ...options });
async function hold(row: DeviceRow) {
  const holder = await db.session();
  await holder.rows('SELECT GET_LOCK(?, 0)', [row.lock_name]);
  return holder;
}
const unlocked = async (trust = 0) => (await unlockedDevices(session, names, trust)).map((one) => one.device_id);

it('unlocked devices are those whose lock is free: online and busy ones, not offline ones', async () => {
  const { instance_token } = await device('online');
  await device('busy', { columns: { status: 'busy' } });
  await device('offline', { columns: { status: 'offline' } });
  const holder = await hold(await device('held'));
  expect((await unlocked()).sort()).toEqual(['busy', 'online']);
  // With all that moves when they live.
  const time = expect.stringMatching(/^\d{4}-/);
  const seen = { device_id: 'online', instance_token, last_heartbeat: time, lock_taken_at: time };
  expect(await unlockedDevices(session, names, 0)).toContainEqual(expect.objectContaining(seen));
  await holder.close();
  // The server ends the session in its own time, a few milliseconds after the goodbye.
  await until(async () => (await unlocked()).includes('held'));
});

it('unlocked devices need a lock of this server since its start, and a server old enough', async () => {
  await device('elsewhere', { columns: { lock_server: 'x:1' } });
  await device('before', { lock_taken_s: 1_000_000_000 });
  await device('never', { columns: { lock_name: null, lock_server: null } });
  expect(await unlocked()).toEqual([]);
  await device('here');
  expect(await unlocked()).toEqual(['here']);
  expect(await unlocked(1_000_000_000)).toEqual([]);
});

it('silent devices are those without a heartbeat for the timeout, and without any', async () => {
  expect(await silentDevices(session, names, 20)).toMatchObject({ silent: [], online: 0 });
  await device('fresh', { silent_s: 15 });
  await device('silent', { silent_s: 21 });
  await device('never', { columns: { last_heartbeat: null } });
  await device('offline', { silent_s: 21, columns: { status: 'offline' } });
  const check = await silentDevices(session, names, 20);
  expect(check.silent.map((one) => one.device_id).sort()).toEqual(['never', 'silent']);
  expect(check.silent.find((one) => one.device_id === 'silent')?.silent_s).toBeGreaterThanOrEqual(21);
  expect(check.online).toBe(3);
  expect(check.uptime_s).toBeGreaterThan(0);
  const [row] = await session.rows<{ s: number }>('SELECT UNIX_TIMESTAMP(NOW(3)) AS s');
  expect(Math.abs(check.database_ms / 1000 - Number(row?.s))).toBeLessThan(5);
});

it('coverage needs a heartbeat in every third of the window', async () => {
  const beat = (...ages: number[]) =>
    session.write(
      `INSERT INTO ${names.heartbeat} (device_id, heartbeat_time) VALUES ${ages.map((ago) => `('x', UTC_TIMESTAMP(3) - INTERVAL ${ago} SECOND)`).join(', ')}`,
    );
  const covered = () => heartbeatCoverage(session, names, 60);
  expect(await covered()).toBe(false);
  await beat(5, 10, 30, 65);
  expect(await covered()).toBe(false);
  await beat(55);
  expect(await covered()).toBe(true);
});

const seen = async (device_id: string) => {
  const row = (await deviceRow(device_id))!;
  return {
    device_id,
    instance_token: row.instance_token as Buffer,
    last_heartbeat: row.last_heartbeat as string,
  };
};
const mark = (one: Awaited<ReturnType<typeof seen>>, by: 'lock' | 'heartbeat' = 'heartbeat') =>
  markDeviceDead(session, names, one, by);

it('marking a device dead happens once', async () => {
  await device('a', { silent_s: 99 });
  const one = await seen('a');
  expect([await mark(one), await mark(one)]).toEqual([true, false]);
  expect((await deviceRow('a'))?.status).toBe('offline');
  await device('b', { columns: { last_heartbeat: null, instance_token: null, lock_name: null } });
  expect(await mark(await seen('b'))).toBe(true);
});

it('marking a device dead does not happen when it has shown life since it was seen', async () => {
  await device('a', { silent_s: 99 });
  const one = await seen('a');
  await session.write(`UPDATE ${names.device} SET last_heartbeat = UTC_TIMESTAMP(3)`);
  expect(await mark(one)).toBe(false);
  await session.write(`UPDATE ${names.device} SET instance_token = UNHEX(REPEAT('0F', 16)), last_heartbeat = ?`, [
    one.last_heartbeat,
  ]);
  expect(await mark(one)).toBe(false);
  expect((await deviceRow('a'))?.status).toBe('online');
});

it('marking a device dead by lock needs the lock to be free in that moment; by heartbeat it does not', async () => {
  await hold(await device('a'));
  expect(await mark(await seen('a'), 'lock')).toBe(false);
  expect(await mark(await seen('a'), 'heartbeat')).toBe(true);
});
