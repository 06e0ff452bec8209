import { describe, expect, vi } from 'vitest';
import { findDeviceIds } from '../../../src/core/db/devices/find-device-ids.ts';
import { registerByHand } from '../../../src/core/db/devices/register-by-hand.ts';
import { removeDevice } from '../../../src/core/db/devices/remove-device.ts';
import { lockName } from '../../../src/core/db/devices/session-lock.ts';
import { countOpen, setOperatorState } from '../../../src/core/db/devices/set-operator-state.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertDevice, readDevice } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let names: TableNames;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  names = db.names;
});

const device = (id: string) => readDevice(session, names, id);
const lock = (id: string) => lockName(db.address.database, names.prefix, id);
const byHand = (id: string, columns = {}) =>
  registerByHand(session, names, { device_id: id, ...columns }, { lockName: lock(id), heartbeatTimeoutS: 60 });

describe('setting the operator state', () => {
  it('changes that column alone', async () => {
    await insertDevice(session, names, { device_id: 'w', silent_s: 500 });
    const { updated_at: _, ...before } = (await device('w'))!;
    expect(await setOperatorState(session, names, 'W', 'paused')).toEqual({
      device_id: 'w',
      operator_state: 'paused',
      previous: 'active',
    });
    expect(await device('w')).toMatchObject({ ...before, operator_state: 'paused' });
  });

  it('of a device that is not there is undefined', async () => {
    expect(await setOperatorState(session, names, 'nobody', 'paused')).toBeUndefined();
  });

  it('is not waited for by a heartbeat for longer than its own transaction', async () => {
    await insertDevice(session, names, { device_id: 'w' });
    const other = await db.session();
    await Promise.all([
      setOperatorState(session, names, 'w', 'draining'),
      other.write(`UPDATE ${names.device} SET last_heartbeat = UTC_TIMESTAMP(3) WHERE device_id = 'w'`),
    ]);
    expect(await device('w')).toMatchObject({ operator_state: 'draining' });
  });

  it('counts open attempts, and those of nobody are none', async () => {
    const w = await insertDevice(session, names, { device_id: 'w' });
    await insertAttempt(session, names, { device: w });
    await insertAttempt(session, names, { device: w, columns: { status: 'assigned' } });
    await insertAttempt(session, names, { device: w, columns: { status: 'lost' } });
    expect([await countOpen(session, names, 'w'), await countOpen(session, names, 'x')]).toEqual([2, 0]);
  });
});

describe('registering by hand', () => {
  it('creates, then updates what is given; each may be repeated', async () => {
    expect(await byHand('w', { port: 1 })).toBe('created');
    expect(await byHand('w', { port: 2, capabilities: { a: true } })).toBe('updated');
    expect(await byHand('w')).toBe('updated');
    expect(await device('w')).toMatchObject({ port: 2, status: 'offline', last_heartbeat: null, lock_name: lock('w') });
  });

  it('writes nothing over a live device: fresh heartbeat, or a held lock', async () => {
    await insertDevice(session, names, { device_id: 'fresh' });
    await insertDevice(session, names, { device_id: 'held', silent_s: 900, columns: { status: 'offline' } });
    const holder = await db.session();
    await holder.rows('SELECT GET_LOCK(?, 0)', [lock('held')]);
    for (const id of ['fresh', 'held']) {
      const before = await device(id);
      expect(await byHand(id, { port: 9 })).toBe('alive');
      expect(await device(id)).toEqual(before);
    }
  });

  it('of a device that is silent for longer than the timeout leaves life and death to the leader', async () => {
    await insertDevice(session, names, { device_id: 'silent', silent_s: 61 });
    expect(await byHand('silent', { port: 9 })).toBe('updated');
    expect(await device('silent')).toMatchObject({ port: 9, status: 'online' });
  });

  it('at once from two sides makes one row', async () => {
    const other = await db.session();
    const both = await Promise.all([
      byHand('w'),
      registerByHand(other, names, { device_id: 'w' }, { lockName: lock('w'), heartbeatTimeoutS: 60 }),
    ]);
    expect(both).toContain('created');
    expect(both).not.toContain('alive');
    expect(await findDeviceIds(session, names, 'w')).toEqual(['w']);
  });
});

describe('registering by hand while another does the same', () => {
  it('updates a row that came after its update had found none, and takes it for no live device', async () => {
    const late = await db.session();
    const write = late.write.bind(late);
    vi.spyOn(late, 'write').mockImplementation(async (sql, values) => {
      const result = await write(sql, values);
      const there = await findDeviceIds(session, names, 'w');
      if (there.length === 0) await insertDevice(session, names, { device_id: 'w', columns: { status: 'offline' } });
      return result;
    });
    const wrote = await registerByHand(
      late,
      names,
      { device_id: 'w', port: 7 },
      { lockName: lock('w'), heartbeatTimeoutS: 60 },
    );
    expect(wrote).toBe('updated');
    expect(await device('w')).toMatchObject({ port: 7 });
  });
});

describe('removing a device', () => {
  const remove = (id: string, force = false) => removeDevice(session, names, id, { force, heartbeatTimeoutS: 60 });

  it('deletes what neither lives nor holds anything', async () => {
    await insertDevice(session, names, { device_id: 'w', columns: { status: 'offline' } });
    expect(await remove('w')).toMatchObject({ removed: true, alive: false, open_attempts: 0 });
    expect(await remove('w')).toBeUndefined();
  });

  it('leaves what lives or holds attempts, unless by force; attempts stay for the leader', async () => {
    const w = await insertDevice(session, names, { device_id: 'w' });
    await insertAttempt(session, names, { device: w });
    expect(await remove('w')).toMatchObject({ removed: false, alive: true, open_attempts: 1 });
    expect(await device('w')).toBeDefined();
    expect(await remove('w', true)).toMatchObject({ removed: true, open_attempts: 1 });
    expect(await countOpen(session, names, 'w')).toBe(1);
  });

  it('that a foreign key holds is reported, and stays', async () => {
    await insertDevice(session, names, { device_id: 'w', columns: { status: 'offline' } });
    await session.write(
      `CREATE TABLE afd_test_child (device_id VARCHAR(64) NOT NULL, FOREIGN KEY (device_id) REFERENCES ${names.device} (device_id)) ENGINE=InnoDB`,
    );
    try {
      await session.write(`INSERT INTO afd_test_child VALUES ('w')`);
      expect(await remove('w')).toMatchObject({ removed: false, referenced: true });
      expect(await device('w')).toBeDefined();
    } finally {
      await session.write('DROP TABLE afd_test_child');
    }
  });
});

it('ids are found by their beginning, the exact one first; signs of LIKE mean themselves', async () => {
  for (const device_id of ['a', 'A-1', 'a_b', 'axb', 'b%']) await insertDevice(session, names, { device_id });
  expect(await findDeviceIds(session, names, 'a')).toHaveLength(4);
  expect((await findDeviceIds(session, names, 'A'))[0]).toBe('a');
  expect(await findDeviceIds(session, names, 'a_')).toEqual(['a_b']);
  expect(await findDeviceIds(session, names, 'b%')).toEqual(['b%']);
  expect(await findDeviceIds(session, names, 'a', 2)).toHaveLength(2);
  expect(await findDeviceIds(session, names, 'zz')).toEqual([]);
});
