// The statements by which a device behind a gateway counts as alive or gone.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { markDeviceDead } from '../../../src/core/db/devices/mark-device-dead.ts';
import { silentDevices } from '../../../src/core/db/devices/silent-devices.ts';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import { endLeases } from '../../../src/core/db/gateway/end-leases.ts';
import { registerBehindGateway } from '../../../src/core/db/gateway/register-behind-gateway.ts';
import type { RemoteRegistration } from '../../../src/core/db/gateway/remote-registration.ts';
import { renewLeases } from '../../../src/core/db/gateway/renew-leases.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, deviceRow } from '../../helpers/rows-here.ts';

useDatabase();
const REMOTE: RemoteRegistration = {
  ...{ device_id: 'r1', device_name: 'r1', device_type: 'worker', ip_address: '', port: 0, capabilities: {} },
  ...{ max_concurrent_tasks: 5, region: null, labels: null, version: '1', host_name: null, pid: null },
  ...{ heartbeat_interval: null, offline_for: null, gateway_id: 'g1', lease_s: 60, heartbeat_timeout_s: 60 },
  instance_token: randomBytes(16),
};
const PLAIN: RemoteRegistration = { ...REMOTE, version: null };
const fresh = () => randomBytes(16);
const register = (more: Partial<RemoteRegistration> = {}, one = REMOTE) =>
  registerBehindGateway(session, names, { ...one, ...more });
const change = (columns: object) => session.write(`UPDATE ${names.device} SET ?`, [columns]);
const own = { device_id: 'r1', instance_token: REMOTE.instance_token };
const expire = () => session.write(`UPDATE ${names.device} SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND`);

const row = async () => (await deviceRow('r1'))!;

it('registering behind a gateway is refused while another instance has a valid lease, whatever it is', async () => {
  await register();
  expect(await register({ instance_token: fresh() })).toEqual({ kind: 'running' });
  expect(await register({}, PLAIN)).toEqual({ kind: 'running' });
  await expire();
  expect(await register({ instance_token: fresh() })).toMatchObject({ kind: 'taken', same: false, former: true });
});

it('registering behind a gateway is refused while a session lock is held, and while such a device was heard of lately', async () => {
  await addDevice('r1', { columns: { lock_name: 'afd:test-r1', last_heartbeat: '2020-01-01' } });
  const other = await db.session();
  await other.rows("SELECT GET_LOCK('afd:test-r1', 0)");
  expect(await register()).toEqual({ kind: 'running' });
  await other.rows("SELECT RELEASE_LOCK('afd:test-r1')");
  await session.write(`UPDATE ${names.device} SET last_heartbeat = UTC_TIMESTAMP(3)`);
  expect(await register()).toEqual({ kind: 'running' });
  await change({ last_heartbeat: '2020-01-01' });
  expect(await register()).toMatchObject({ kind: 'taken' });
});

it('a lease is extended by the instance that has it, also of a device that was declared dead, and by no other', async () => {
  await register();
  await session.write(`UPDATE ${names.device} SET status = 'offline', lease_until = UTC_TIMESTAMP(3)`);
  const how = { gatewayId: 'g2', leaseS: 60, here: true };
  expect(await renewLeases(session, names, [{ ...own, instance_token: fresh() }], how)).toMatchObject({ renewed: 0 });
  expect((await row()).status).toBe('offline');
  const { renewed, lease_until } = await renewLeases(session, names, [own, { ...own, device_id: 'gone' }], how);
  expect(renewed).toBe(1);
  expect(await row()).toMatchObject({ status: 'online', gateway_id: 'g2', lease_until });
});

it('a lease is not shortened, nor taken, by a gateway at which the device does not wait', async () => {
  await register();
  const before = await row();
  await renewLeases(session, names, [own], { gatewayId: 'g2', leaseS: 10, here: false });
  expect(await row()).toMatchObject({ gateway_id: 'g1', lease_until: before.lease_until });
});

it('a lease is ended only as it was written last', async () => {
  await register();
  const { lease_until } = await row();
  expect(await endLeases(session, names, [{ ...own, lease_until: '2030-01-01 00:00:00.000' }])).toBe(0);
  expect(await endLeases(session, names, [{ ...own, instance_token: fresh(), lease_until }])).toBe(0);
  expect(await unlockedDevices(session, names, 0)).toEqual([]);
  expect(await endLeases(session, names, [{ ...own, lease_until }])).toBe(1);
  expect(await endLeases(session, names, [{ ...own, lease_until }])).toBe(0);
});

it('a lease that is over makes a device unlocked, unless the server has just begun', async () => {
  await register();
  await expire();
  expect(await unlockedDevices(session, names, 0)).toMatchObject([{ device_id: 'r1', lock_taken_at: null }]);
  expect(await unlockedDevices(session, names, 1e9)).toEqual([]);
  await change({ status: 'offline' });
  expect(await unlockedDevices(session, names, 0)).toEqual([]);
});

it('a lease keeps a device from being declared dead by either sign while it is valid', async () => {
  await register({ offline_for: 600, lease_s: 600 });
  await change({ last_heartbeat: '2020-01-01' });
  const { instance_token, last_heartbeat } = await row();
  const seen = { device_id: 'r1', instance_token, last_heartbeat };
  expect((await silentDevices(session, names, 60)).silent).toEqual([]);
  for (const by of ['lock', 'heartbeat'] as const) expect(await markDeviceDead(session, names, seen, by)).toBe(false);
  await expire();
  expect((await silentDevices(session, names, 60)).silent).toMatchObject([{ device_id: 'r1' }]);
  expect(await markDeviceDead(session, names, { ...seen, instance_token: fresh() }, 'lock')).toBe(false);
  expect(await markDeviceDead(session, names, seen, 'lock')).toBe(true);
});
