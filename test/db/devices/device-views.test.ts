import { expect } from 'vitest';
import { deviceViews, deviceViewsStatement } from '../../../src/core/db/devices/device-views.ts';
import { heartbeatDevice } from '../../../src/core/db/devices/heartbeat-device.ts';
import { ringTargetsStatement } from '../../../src/core/db/devices/ring-targets.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertDevice } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const views = (heartbeatTimeoutS = 60) => deviceViews(session, db.names, heartbeatTimeoutS);

test('a view says what the device is, what it runs now and what its heartbeat said', async () => {
  const device = await insertDevice(session, db.names, {
    device_id: 'w1',
    columns: {
      capabilities: '{"supported_tasks":["sync_data"],"browser":true}',
      max_concurrent_tasks: 7,
      current_tasks: 99,
      region: 'eu',
      success_rate: 0.75,
      avg_duration_ms: 1200,
    },
  });
  await insertAttempt(session, db.names, { device });
  await insertAttempt(session, db.names, { device, columns: { status: 'assigned' } });
  await insertAttempt(session, db.names, { device, columns: { status: 'completed' } });
  const beat = { device_id: 'w1', instance_token: device.instance_token, status: 'online', active_tasks: 2 } as const;
  await heartbeatDevice(session, db.names, { ...beat, recent_claims: 12, over_limits: ['disk is at 99 %'], stuck: [] });
  expect(await views()).toEqual([
    {
      device_id: 'w1',
      region: 'eu',
      capabilities: { supported_tasks: ['sync_data'], browser: true },
      slots: 7,
      running: 2,
      stuck: 0,
      unavailable: null,
      over_limits: ['disk is at 99 %'],
      success_rate: 0.75,
      avg_duration_ms: 1200,
      recent_claims: 12,
    },
  ]);
  const stuck = [{ task_id: 12, task_type: 'hang', attempt: 1 }];
  await heartbeatDevice(session, db.names, { ...beat, recent_claims: 0, over_limits: [], stuck });
  // A stuck slot is in use like one with an open attempt.
  expect((await views())[0]).toMatchObject({
    ...{ recent_claims: 0, over_limits: [], running: 3, stuck: 1 },
    stuck_types: { hang: 1 },
  });
});

test('a device that takes no work says why: offline, silent, or by its operator', async () => {
  await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline' } });
  await insertDevice(session, db.names, { device_id: 'silent', silent_s: 90 });
  await insertDevice(session, db.names, { device_id: 'never', columns: { last_heartbeat: null } });
  await insertDevice(session, db.names, { device_id: 'paused', columns: { operator_state: 'paused' } });
  await insertDevice(session, db.names, { device_id: 'busy', silent_s: 30, columns: { status: 'busy' } });
  expect((await views()).map((one) => [one.device_id, one.unavailable])).toEqual([
    ['off', 'is offline'],
    ['silent', 'is offline (silent)'],
    ['never', 'is offline (silent)'],
    ['paused', 'is paused'],
    ['busy', null],
  ]);
  expect((await views(20)).at(-1)?.unavailable).toBe('is offline (silent)');
});

test('leaders are no devices to place on; a fresh fleet has none', async () => {
  expect(await views()).toEqual([]);
  await insertDevice(session, db.names, { columns: { device_type: 'master' } });
  expect(await views()).toEqual([]);
});

test('a device without capabilities or history, and with nonsense in them, is a view all the same', async () => {
  await insertDevice(session, db.names, {
    device_id: 'w1',
    columns: { capabilities: '[1]', max_concurrent_tasks: null },
  });
  expect((await views())[0]).toMatchObject({
    capabilities: {},
    slots: 0,
    success_rate: null,
    avg_duration_ms: null,
    recent_claims: 0,
    over_limits: [],
  });
});

test.each([
  ['placing', () => deviceViewsStatement(db.names, 60)],
  ['a ring', () => ringTargetsStatement(db.names)],
])('what %s reads of a device does not grow with what the device has run before', async (_, statement) => {
  const columns = { port: 4711, ring_token: Buffer.alloc(16, 1) };
  const device = await insertDevice(session, db.names, { device_id: 'w1', columns });
  await insertAttempt(session, db.names, { device });
  const read = async () => {
    const steps = async () => Number((await session.rows("SHOW SESSION STATUS LIKE 'Handler_read_next'"))[0]?.Value);
    const before = await steps();
    const { sql, values } = statement();
    expect(await session.rows(sql, values)).toMatchObject([{ device_id: 'w1', running: 1 }]);
    return (await steps()) - before;
  };
  const few = await read();
  for (let n = 0; n < 50; n += 1) await insertAttempt(session, db.names, { device, columns: { status: 'completed' } });
  expect(await read()).toBe(few);
});
