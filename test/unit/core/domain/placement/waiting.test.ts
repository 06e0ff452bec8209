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
  ['not due', 'it is not due before 90 s from now', [device('a')], { due_in: 89.5 }],
  ['no workers', 'no worker is registered', [], {}],
  [
    'able by nobody',
    'no device can run it; the nearest: a lacks browser=true',
    [device('b', { capabilities: {} }), device('a')],
    { required_capabilities: { browser: true } },
  ],
  [
    'offline',
    'no device that can run it is online and active; the nearest: a is offline',
    [device('a', { unavailable: 'is offline' }), device('b', { capabilities: {}, unavailable: 'is offline' })],
    {},
  ],
  [
    'gated',
    'every device that can run it is over a gate: a memory is at 93 %',
    [device('a', { held: ['memory is at 93 %'] }), device('c', { unavailable: 'is paused', held: ['x', 'y'] })],
    {},
  ],
  [
    'gated, while a device that cannot run it has fewer reasons (finding C1)',
    'every device that can run it is over a gate: b cpu is at 99 %, memory is at 93 %',
    [device('a', { capabilities: {} }), device('b', { held: ['cpu is at 99 %', 'memory is at 93 %'] })],
    {},
  ],
  [
    'offline, while a device that cannot run it has fewer reasons (finding C1)',
    'no device that can run it is online and active; the nearest: b is offline, has no slots',
    [device('a', { capabilities: {} }), device('b', { unavailable: 'is offline', slots: 0 })],
    {},
  ],
  [
    'full',
    'every device that can run it is full, over a gate or below the minimum score; the nearest: a is full (6 of 5 slots)',
    [device('a', { running: 6 })],
    {},
  ],
  [
    'directed at a device over its gate',
    'it is directed at A, which memory is at 93 %',
    [device('A', { held: ['memory is at 93 %'] }), device('b')],
    { target_device_id: 'a' },
  ],
  [
    'directed at an unknown device',
    'it is directed at z, which is not registered',
    [device('b')],
    { target_device_id: 'z' },
  ],
  ['directed at a free device', 'it is directed at b, which will claim it', [device('b')], { target_device_id: 'b' }],
])('a task that is %s says so', (_, sentence, devices, task) => {
  expect(why(devices, task)).toBe(sentence);
});

test('a device below the minimum is named with its score and who is above; directed tasks know no minimum', () => {
  const policy = { ...DEFAULT_POLICY, min_score: 0.5 };
  const devices = [device('a', { running: 3 }), device('b', { slots: 10, running: 5 })];
  const found = explain(devices, {}, policy);
  expect(found.why).toBe('b will claim it');
  expect(found.devices.find((one) => one.device_id === 'a')?.reasons).toEqual([
    'scores 0.4, below load_balancer.min_score 0.5, and b does not',
  ]);
  expect(explain(devices, { target_device_id: 'a' }, policy).devices[0]?.reasons).toEqual([]);
});

test('of many devices the fifty with the best chances are named', () => {
  const devices = Array.from({ length: 80 }, (_, n) => device(`d${n}`, { running: n % 5 }));
  const found = explain(devices);
  expect(found.devices).toHaveLength(50);
  expect(Math.min(...found.devices.map((one) => one.score ?? 0))).toBeGreaterThanOrEqual(0.4);
});
