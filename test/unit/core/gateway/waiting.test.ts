// Whom a gateway wakes, among many that wait.
import { describe, expect, it } from 'vitest';
import { DeviceKind } from '../../../../src/core/gateway/devices/device-kind.ts';
import { type GatewayDevice, gatewayDevice } from '../../../../src/core/gateway/devices/gateway-device.ts';
import { type Waiter, Waiting } from '../../../../src/core/gateway/devices/waiting.ts';
import { newEntry } from '../../../../src/core/worker/claim/lane-entry.ts';

const NOOP = new DeviceKind({ supported_tasks: ['noop'] });
const OTHER = new DeviceKind({ supported_tasks: ['other'] });

function device(device_id: string, kind = NOOP): GatewayDevice {
  const row = { device_id, instance_token: null, operator_state: 'active', status: 'online', capabilities: {} };
  const state = { ...row, kind: '', slots: 5, version: null, gateway_id: 'g', offline_for: null, locked: false };
  return gatewayDevice(state, Buffer.alloc(16), kind, 0);
}

function scene() {
  const woken: string[] = [];
  const waiting = new Waiting(() => false);
  const wait = (one: GatewayDevice, free = 1): Waiter => {
    const waiter = { device: one, free, without: new Set<string>(), held: 0, wake: () => woken.push(one.id) };
    waiting.add(waiter);
    return waiter;
  };
  return { waiting, woken, wait };
}
const lane = newEntry(
  { lane: Buffer.alloc(16), claim_rank: 5, task_type: 'noop', required_capabilities: null },
  true,
  0,
);

describe('devices that wait', () => {
  it('room counts the free slots of those that fit, and no further than asked', () => {
    const { waiting, wait } = scene();
    wait(device('d1'), 2);
    wait(device('d2', OTHER), 4);
    wait(device('d3'), 3);
    wait(device('d4'), 0);
    expect(waiting.room(lane, 100)).toBe(5);
    expect(waiting.room(lane, 3)).toBe(3);
    expect(waiting.free).toBe(9);
  });

  it('one that is woken, or has left, counts no more, however often it is taken away', () => {
    const { waiting, wait, woken } = scene();
    const [first, second] = [wait(device('d1'), 2), wait(device('d2'), 3)];
    waiting.wakeForLane(lane, { tasks: 1 }, true);
    waiting.remove(first);
    expect(woken).toEqual(['d1']);
    expect(waiting.free).toBe(3);
    waiting.remove(second);
    expect([waiting.free, waiting.size, waiting.wantWork]).toEqual([0, 0, false]);
  });

  it('news of one device wake each of its calls, and no other', () => {
    const { waiting, wait, woken } = scene();
    const one = device('d1');
    wait(one, 0);
    wait(one, 1);
    wait(device('d2'), 1);
    waiting.news(one);
    expect(woken).toEqual(['d1', 'd1']);
    waiting.news();
    expect(woken).toEqual(['d1', 'd1', 'd1', 'd1', 'd2']);
  });
});
