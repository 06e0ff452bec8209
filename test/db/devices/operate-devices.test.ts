import { describe, expect, vi } from 'vitest';
import { findDeviceIds } from '../../../src/core/db/devices/find-device-ids.ts';
import { registerByHand } from '../../../src/core/db/devices/register-by-hand.ts';
import { removeDevice } from '../../../src/core/db/devices/remove-device.ts';
import { lockName } from '../../../src/core/db/devices/session-lock.ts';
import { setOperatorState } from '../../../src/core/db/devices/set-operator-state.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, deviceRow } from '../../helpers/rows-here.ts';

useDatabase();
const lock = (id: string) => lockName(db.address.database, names.prefix, id);
const byHand = (id: string, columns = {}, on = session) =>
  registerByHand(on, names, { device_id: id, ...columns }, { lockName: lock(id), heartbeatTimeoutS: 60 });

it('setting the operator state changes that column alone', async () => {
  await addDevice('w', { silent_s: 500 });
  const { updated_at: _, ...before } = (await deviceRow('w'))!;
  const change = { device_id: 'w', operator_state: 'paused', previous: 'active' };
  expect(await setOperatorState(session, names, 'W', 'paused')).toEqual(change);
  expect(await deviceRow('w')).toMatchObject({ ...before, operator_state: 'paused' });
  expect(await setOperatorState(session, names, 'nobody', 'paused')).toBeUndefined();
});

it('registering by hand writes nothing over a live device: fresh heartbeat, or a held lock; one that is silent is the leader’s', async () => {
  await addDevice('fresh');
  await addDevice('held', { silent_s: 900, columns: { status: 'offline' } });
  const holder = await db.session();
  await holder.rows('SELECT GET_LOCK(?, 0)', [lock('held')]);
  for (const id of ['fresh', 'held']) {
    const before = await deviceRow(id);
    expect(await byHand(id, { port: 9 })).toBe('alive');
    expect(await deviceRow(id)).toEqual(before);
  }
  await addDevice('silent', { silent_s: 61 });
  expect(await byHand('silent', { port: 9 })).toBe('updated');
  expect(await deviceRow('silent')).toMatchObject({ port: 9, status: 'online' });
});

it('registering by hand updates a row that came after its update had found none, and takes it for no live device', async () => {
  const late = await db.session();
  const write = late.write.bind(late);
  vi.spyOn(late, 'write').mockImplementation(async (sql, values) => {
    const result = await write(sql, values);
    if ((await deviceRow('w')) === undefined) await addDevice('w', { columns: { status: 'offline' } });
    return result;
  });
  expect(await byHand('w', { port: 7 }, late)).toBe('updated');
  expect(await deviceRow('w')).toMatchObject({ port: 7 });
});

describe('removing a device', () => {
  const remove = (id: string, force = false) => removeDevice(session, names, id, { force, heartbeatTimeoutS: 60 });

  it('that a foreign key holds is reported, and stays', async () => {
    await addDevice('w', { columns: { status: 'offline' } });
    await session.write(
      `CREATE TABLE afd_test_child (device_id VARCHAR(64) NOT NULL, FOREIGN KEY (device_id) REFERENCES ${names.device} (device_id)) ENGINE=InnoDB`,
    );
    try {
      await session.write(`INSERT INTO afd_test_child VALUES ('w')`);
      expect(await remove('w')).toMatchObject({ removed: false, referenced: true });
      expect(await deviceRow('w')).toBeDefined();
    } finally {
      await session.write('DROP TABLE afd_test_child');
    }
  });
});

it('ids are found by their beginning, the exact one first; signs of LIKE mean themselves', async () => {
  for (const device_id of ['a', 'A-1', 'a_b', 'axb', 'b%']) await addDevice(device_id);
  const find = (text: string, most?: number) => findDeviceIds(session, names, text, most);
  expect(await find('a')).toHaveLength(4);
  expect((await find('A'))[0]).toBe('a');
  expect([await find('a_'), await find('b%'), await find('zz')]).toEqual([['a_b'], ['b%'], []]);
  expect(await find('a', 2)).toHaveLength(2);
});
