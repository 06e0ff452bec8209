import { expect, test } from 'vitest';
import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';
import { DEFAULT_POLICY } from '../../../../../src/core/domain/placement/policy.ts';
import { explainWaiting, type WaitingTask } from '../../../../../src/core/domain/placement/waiting.ts';
import { device, LANE } from './devices.ts';

const explain = (devices: DeviceView[], task: Partial<WaitingTask> = {}, policy = DEFAULT_POLICY) =>
  explainWaiting({ ...LANE, target_device_id: null, due_in: 0, ...task }, devices, policy);
const why = (...given: Parameters<typeof explain>) => explain(...given).why;

test('a task that is due and can run says who will claim it: the best first, each with its score', () => {
  const found = explain([device('a', { running: 2 }), device('b'), device('c', { unavailable: 'is paused' })]);
  expect(found.why).toBe('b will claim it');
  expect(found.devices.map((one) => [one.device_id, one.score, one.reasons])).toEqual([
    ['b', 1, []],
    ['a', 0.6, []],
    ['c', null, ['is paused']],
  ]);
  expect(found.devices[0]?.parts).toMatchObject({ load_factor: 1, capability_match: 1 });
});

test.each<[string, string, DeviceView[], Partial<WaitingTask>]>([
  ['not due', 'it is due in 90 s', [device('a')], { due_in: 89.5 }],
  ['no workers', 'no worker is registered', [], {}],
  [
    'able by nobody',
    'no device can run it; closest match: a lacks browser=true',
    [device('b', { capabilities: {} }), device('a')],
    { required_capabilities: { browser: true } },
  ],
  [
    'offline',
    'no device that can run it is online and active; closest match: a is offline',
    [device('a', { unavailable: 'is offline' }), device('b', { capabilities: {}, unavailable: 'is offline' })],
    {},
  ],
  [
    'over its limits',
    'every device that can run it is over a resource limit: a memory is at 93 %',
    [
      device('a', { over_limits: ['memory is at 93 %'] }),
      device('c', { unavailable: 'is paused', over_limits: ['x', 'y'] }),
    ],
    {},
  ],
  [
    'over its limits, while a device that cannot run it has fewer reasons (finding C1)',
    'every device that can run it is over a resource limit: b cpu is at 99 %, memory is at 93 %',
    [device('a', { capabilities: {} }), device('b', { over_limits: ['cpu is at 99 %', 'memory is at 93 %'] })],
    {},
  ],
  [
    'offline, while a device that cannot run it has fewer reasons (finding C1)',
    'no device that can run it is online and active; closest match: b is offline, has no slots',
    [device('a', { capabilities: {} }), device('b', { unavailable: 'is offline', slots: 0 })],
    {},
  ],
  [
    'full',
    'every device that can run it is full, over a resource limit or below the minimum score; closest match: a is full (6 of 5 slots)',
    [device('a', { running: 6 })],
    {},
  ],
  [
    'directed at a device over its limits',
    'it is directed at A, which memory is at 93 %',
    [device('A', { over_limits: ['memory is at 93 %'] }), device('b')],
    { target_device_id: 'a' },
  ],
  [
    'directed at an unknown device',
    'it is directed at z, which is not registered',
    [device('b')],
    { target_device_id: 'z' },
  ],
  [
    'of a type with a maximum',
    'a will claim it when it runs fewer than 2 of type sync_data',
    [device('a', { capabilities: { supported_tasks: ['sync_data'], max_per_type: { sync_data: 2 } } })],
    {},
  ],
  ['directed at a free device', 'it is directed at b, which will claim it', [device('b')], { target_device_id: 'b' }],
  ['due just now', 'a will claim it', [device('a')], { due_in: 0 }],
  ['directed, and not due', 'it is due in 1 s', [], { due_in: 0.1, target_device_id: 'z' }],
  [
    'directed at a device that lacks two things',
    'it is directed at a, which is paused, has no slots',
    [device('a', { unavailable: 'is paused', slots: 0 })],
    { target_device_id: 'a' },
  ],
  [
    'for one that is full and one over its limits',
    'every device that can run it is full, over a resource limit or below the minimum score; closest match: b is full (5 of 5 slots)',
    [device('a', { over_limits: ['cpu', 'disk'] }), device('b', { running: 5 })],
    {},
  ],
])('a task that is %s says so', (_, sentence, devices, task) => {
  expect(why(devices, task)).toBe(sentence);
});

test('a device below the minimum is named with its score and who is above; directed tasks know no minimum', () => {
  const policy = { ...DEFAULT_POLICY, min_score: 0.5 };
  const devices = [device('a', { running: 3 }), device('b', { slots: 10, running: 5 })];
  const found = explain(devices, {}, policy);
  expect(found.why).toBe('b will claim it');
  expect(found.devices.find((one) => one.device_id === 'a')?.reasons).toEqual([
    'scores 0.4, below load_balancer.min_score 0.5, while b reaches it',
  ]);
  expect(explain(devices, { target_device_id: 'a' }, policy).devices[0]?.reasons).toEqual([]);
});

test('of many devices the fifty with the best chances are named', () => {
  const devices = Array.from({ length: 80 }, (_, n) => device(`d${n}`, { running: n % 5 }));
  const found = explain(devices);
  expect(found.devices).toHaveLength(50);
  expect(Math.min(...found.devices.map((one) => one.score ?? 0))).toBeGreaterThanOrEqual(0.4);
});

test('a device without a free slot says how full it is, and how much of that is stuck; that of one slot is no plural', () => {
  const reasons = (special: Partial<DeviceView>) => explain([device('a', special)]).devices[0]?.reasons;
  expect(reasons({ running: 4 })).toEqual([]);
  expect(reasons({ running: 5 })).toEqual(['is full (5 of 5 slots)']);
  expect(reasons({ running: 1, slots: 1, stuck: 1 })).toEqual(['is full (1 of 1 slot, 1 of them stuck)']);
});

test('of a device that may not take it there is no score; figures have three places', () => {
  const found = explain([device('a', { running: 1, slots: 3, recent_claims: 2 }), device('b', { capabilities: {} })]);
  expect(found.devices).toEqual([
    {
      ...{ device_id: 'a', reasons: [], score: 0.667 },
      parts: { load_factor: 0.667, capability_match: 1, success_rate: 1, response_time: 1, turn: 0.6, region: 0 },
    },
    { device_id: 'b', reasons: ['does not handle sync_data'], score: null, parts: null },
  ]);
});

test('those that can run it come first, of them those that are online, then by how much keeps them, then by score', () => {
  const devices = [
    device('unable', { capabilities: {} }),
    device('away', { unavailable: 'is offline' }),
    device('away twice', { unavailable: 'is offline', slots: 0 }),
    device('over limits', { over_limits: ['cpu', 'disk'] }),
    device('full', { running: 5 }),
    device('half', { running: 3 }),
    device('idle'),
  ];
  const order = ['idle', 'half', 'full', 'over limits', 'away', 'away twice', 'unable'];
  expect(explain(devices).devices.map((one) => one.device_id)).toEqual(order);
  expect(explain(devices.toReversed()).devices.map((one) => one.device_id)).toEqual(order);
});

test('nobody is below a minimum that nobody reaches; who scores just that much is not below it', () => {
  const devices = [device('a', { running: 4 }), device('b', { running: 3 })];
  const reasons = (min_score: number) =>
    explain(devices, {}, { ...DEFAULT_POLICY, min_score }).devices.map((one) => one.reasons);
  expect(reasons(0.9)).toEqual([[], []]);
  expect(reasons(0.4)).toEqual([[], ['scores 0.2, below load_balancer.min_score 0.4, while b reaches it']]);
  expect(
    explain([device('c'), device('d', { slots: 2, running: 1 })], {}, { ...DEFAULT_POLICY, min_score: 0.5 }).devices[1]
      ?.reasons,
  ).toEqual([]);
});
