import { expect } from 'vitest';
import { deviceViews, deviceViewsStatement } from '../../../src/core/db/devices/device-views.ts';
import { heartbeatDevice } from '../../../src/core/db/devices/heartbeat-device.ts';
import { ringTargetsStatement } from '../../../src/core/db/devices/ring-targets.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice } from '../../helpers/rows-here.ts';
import { costOf } from '../../helpers/statement-cost.ts';

useDatabase();
const views = (heartbeatTimeoutS = 60) => deviceViews(session, names, heartbeatTimeoutS);

it('a view says what the device is, what it runs now and what its heartbeat said', async () => {
  const figures = { region: 'eu', success_rate: 0.75, avg_duration_ms: 1200 };
  const capabilities = { supported_tasks: ['sync_data'], browser: true };
  const device = await addDevice('w1', {
    columns: { ...figures, capabilities: JSON.stringify(capabilities), max_concurrent_tasks: 7, current_tasks: 99 },
  });
  for (const status of ['running', 'assigned', 'completed']) await addAttempt({ device, columns: { status } });
  const beat = { ...device, status: 'online', active_tasks: 2 } as const;
  const over_limits = ['disk is at 99 %'];
  await heartbeatDevice(session, names, { ...beat, recent_claims: 12, over_limits, stuck: [] });
  const view = { ...figures, device_id: 'w1', capabilities, slots: 7, running: 2, stuck: 0, unavailable: null };
  expect(await views()).toEqual([{ ...view, over_limits, recent_claims: 12 }]);
  const stuck = [{ task_id: 12, task_type: 'hang', attempt: 1 }];
  await heartbeatDevice(session, names, { ...beat, recent_claims: 0, over_limits: [], stuck });
  // A stuck slot is in use like one with an open attempt.
  const now = { recent_claims: 0, over_limits: [], running: 3, stuck: 1, stuck_types: { hang: 1 } };
  expect(await views()).toMatchObject([now]);
});

it('a device that takes no work says why: offline, silent, or by its operator; a leader is none to place on', async () => {
  expect(await views()).toEqual([]);
  await addDevice('leader', { columns: { device_type: 'master' } });
  await addDevice('off', { columns: { status: 'offline' } });
  await addDevice('silent', { silent_s: 90 });
  await addDevice('never', { columns: { last_heartbeat: null } });
  await addDevice('paused', { columns: { operator_state: 'paused' } });
  await addDevice('busy', { silent_s: 30, columns: { status: 'busy' } });
  expect((await views()).map((one) => [one.device_id, one.unavailable])).toEqual([
    ['off', 'is offline'],
    ['silent', 'is offline (silent)'],
    ['never', 'is offline (silent)'],
    ['paused', 'is paused'],
    ['busy', null],
  ]);
  expect((await views(20)).at(-1)?.unavailable).toBe('is offline (silent)');
});

it('a device without capabilities or history, and with nonsense in them, is a view all the same', async () => {
  await addDevice('w1', { columns: { capabilities: '[1]', max_concurrent_tasks: null } });
  const empty = { capabilities: {}, slots: 0, success_rate: null, avg_duration_ms: null };
  expect(await views()).toMatchObject([{ ...empty, recent_claims: 0, over_limits: [] }]);
});

it.each([
  ['placing', () => deviceViewsStatement(names, 60)],
  ['a ring', () => ringTargetsStatement(names)],
])('what %s reads of a device does not grow with what the device has run before', async (_, statement) => {
  const device = await addDevice('w1', { columns: { port: 4711, ring_token: Buffer.alloc(16, 1) } });
  await addAttempt({ device });
  const few = await costOf(session, statement());
  for (let n = 0; n < 50; n += 1) await addAttempt({ device, columns: { status: 'completed' } });
  expect((await costOf(session, statement())).reads).toBeLessThanOrEqual(few.reads + 2);
});
