import { expect, test } from 'vitest';
import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';
import { DEFAULT_POLICY } from '../../../../../src/core/domain/placement/policy.ts';
import { explainWaiting, type WaitingTask } from '../../../../../src/core/domain/placement/waiting.ts';
import { device, LANE } from './devices.ts';

const explain = (devices: DeviceView[], task: Partial<WaitingTask> = {}, min_score = DEFAULT_POLICY.min_score) =>
  explainWaiting({ ...LANE, target_device_id: null, due_in: 0, ...task }, devices, { ...DEFAULT_POLICY, min_score });
const ids = (devices: DeviceView[]) => explain(devices).devices.map((one) => one.device_id);
const reasons = (...given: Parameters<typeof explain>) => explain(...given).devices.map((one) => one.reasons);

const unable = { capabilities: {} };
const paused = { unavailable: 'is paused', slots: 0 };
const browser = { required_capabilities: { browser: true } };
const offline = { unavailable: 'is offline' };
const twoAtOnce = { capabilities: { supported_tasks: ['sync_data'], max_per_type: { sync_data: 2 } } };
const hot = { over_limits: ['cpu is at 99 %', 'memory is at 93 %'] };
const busy = 'every device that can run it is full, over a resource limit or below the minimum score; closest match:';
const limited = 'every device that can run it is over a resource limit:';
const away = 'no device that can run it is online and active; closest match:';

test.each<[sentence: string, DeviceView[], Partial<WaitingTask>?]>([
  ['it is due in 90 s', [device('a')], { due_in: 89.5 }],
  ['it is due in 1 s', [], { due_in: 0.1, target_device_id: 'z' }],
  ['no worker is registered', []],
  ['b will claim it', [device('a', { running: 2 }), device('b')]],
  [
    'a will claim it when it runs fewer than 2 of type sync_data',
    [device('b', { running: 1 }), device('a', twoAtOnce)],
  ],
  ['it is directed at b, which will claim it', [device('a'), device('b')], { target_device_id: 'B' }],
  ['it is directed at z, which is not registered', [device('b')], { target_device_id: 'z' }],
  ['it is directed at a, which is paused, has no slots', [device('a', paused)], { target_device_id: 'a' }],
  ['no device can run it; closest match: a lacks browser=true', [device('b', unable), device('a')], browser],
  // Finding C1: a device that cannot run it has fewer reasons.
  [`${limited} b cpu is at 99 %, memory is at 93 %`, [device('a', unable), device('b', hot), device('c', offline)]],
  [`${away} b is offline, has no slots`, [device('a', unable), device('b', { ...offline, slots: 0 })]],
  [`${busy} a is full (6 of 5 slots)`, [device('a', { running: 6 })]],
  [`${busy} b is full (5 of 5 slots)`, [device('a', hot), device('b', { running: 5 })]],
])('%s', (sentence, devices, task = {}) => {
  expect(explain(devices, task).why).toBe(sentence);
});

test('a device below the minimum is named with its score and who reaches it; who scores just that much is not below', () => {
  const devices = [device('a', { running: 4 }), device('b', { running: 3 })];
  expect(explain(devices, {}, 0.4).why).toBe('b will claim it');
  const below = 'scores 0.2, below load_balancer.min_score 0.4, while b reaches it';
  expect(reasons(devices, {}, 0.4)).toEqual([[], [below]]);
  expect(reasons(devices, { target_device_id: 'a' }, 0.4)).toEqual([[]]);
  expect(reasons(devices, {}, 0.9)).toEqual([[], []]);
});

test('of many devices the fifty with the best chances are named', () => {
  const { devices } = explain(Array.from({ length: 80 }, (_, n) => device(`d${n}`, { running: n % 5 })));
  expect(devices).toHaveLength(50);
  expect(Math.min(...devices.map((one) => one.score ?? 0))).toBeGreaterThanOrEqual(0.4);
});

test('a device without a free slot says how full it is, and how much of that is stuck; that of one slot is no plural', () => {
  expect(reasons([device('a', { running: 4 })])).toEqual([[]]);
  const stuck = device('a', { running: 1, slots: 1, stuck: 1 });
  expect(reasons([stuck])).toEqual([['is full (1 of 1 slot, 1 of them stuck)']]);
});

test('of a device that may not take it there is no score; figures have three places', () => {
  const parts = { load_factor: 0.667, capability_match: 1, success_rate: 1, response_time: 1, turn: 0.6, region: 0 };
  expect(explain([device('a', { running: 1, slots: 3, recent_claims: 2 }), device('b', unable)]).devices).toEqual([
    { device_id: 'a', reasons: [], score: 0.667, parts },
    { device_id: 'b', reasons: ['does not handle sync_data'], score: null, parts: null },
  ]);
});

test('those that can run it come first, of them those that are online, then by how much keeps them, then by score', () => {
  const devices = [
    device('unable', unable),
    device('away', offline),
    device('away twice', { ...offline, slots: 0 }),
    device('over limits', hot),
    device('full', { running: 5 }),
    device('half', { running: 3 }),
    device('idle'),
  ];
  const order = ['idle', 'half', 'full', 'over limits', 'away', 'away twice', 'unable'];
  expect(ids(devices)).toEqual(order);
  expect(ids(devices.toReversed())).toEqual(order);
});
