import { expect, test } from 'vitest';
import { eligible } from '../../../../../src/core/domain/placement/eligible.ts';
import { preferredRegions } from '../../../../../src/core/domain/placement/lane.ts';
import { ableCounter, ableDevices, scarceFirst } from '../../../../../src/core/domain/placement/scarce-first.ts';
import { device, LANE } from './devices.ts';

const why = (one: ReturnType<typeof device>, required: Record<string, unknown> = {}, task_type = 'sync_data') => {
  const found = eligible(one, { task_type, required_capabilities: required });
  return found.ok ? [] : found.reasons;
};

test('an online device with slots that handles the type is eligible, however full; else every reason is named', () => {
  expect(eligible(device('a', { running: 99 }), LANE)).toEqual({ ok: true });
  const one = device('a', { unavailable: 'is paused', slots: 0, over_limits: ['memory is at 97 %'] });
  expect(why(one, { browser: { prefer: true } }, 'sync_apps')).toEqual([
    'does not handle sync_apps',
    'lacks browser={"prefer":true}',
    'is paused',
    'has no slots',
    'memory is at 97 %',
  ]);
});

test('a required region excludes other devices, a preferred one excludes none', () => {
  const east = device('a', { region: 'cn-east', capabilities: { supported_tasks: ['sync_data'], region: 'cn-east' } });
  expect(why(east, { region: 'cn-east' })).toEqual([]);
  expect(why(east, { region: 'eu' })).toEqual(['lacks region="eu"']);
  expect(why(east, { region: { prefer: 'eu' } })).toEqual([]);
});

test('the regions that a lane prefers are texts, one or a list', () => {
  const regions = (required_capabilities: Record<string, unknown> | null) =>
    preferredRegions({ task_type: 't', required_capabilities });
  for (const none of [null, { region: 'eu' }, { region: null }, { region: { prefer: null } }])
    expect(regions(none)).toEqual([]);
  expect(regions({ region: { prefer: 'eu' } })).toEqual(['eu']);
  expect(regions({ region: { prefer: ['eu', 'us', 7] } })).toEqual(['eu', 'us']);
});

test('a number asks for at least as much, and a word or a list for what is there', () => {
  const one = device('a', {
    capabilities: {
      ...{ supported_tasks: ['sync_data'], memory_gb: 16, tier: 'gold', tags: ['x', 'y'], browser: true },
      ...{ cores: '32', proxy: 1, gpu_name: 'true' },
    },
  });
  const met = [{ memory_gb: 16 }, { tier: 'gold' }, { tags: 'x' }, { tags: ['x', 'y'] }, { browser: true }];
  const nothing = [{ gpu: false }, { gpu: null }, { gpu: undefined }, { region: null }];
  for (const required of [...met, ...nothing]) expect(why(one, required), JSON.stringify(required)).toEqual([]);
  const lacking = [{ memory_gb: 16.1 }, { memory_gb: '16' }, { tier: 16 }, { tier: 'silver' }, { tags: ['x', 'z'] }];
  const otherwise = [{ proxy: true }, { gpu_name: true }, { gpu: true }, { browser: {} }, { cpu: 0 }, { cores: 16 }];
  for (const required of [...lacking, ...otherwise])
    expect(why(one, required), JSON.stringify(required)).toHaveLength(1);
});

test('the devices that could run a lane are online and active, over their limits or not; counted for many as for each', () => {
  const apps = { capabilities: { supported_tasks: ['sync_apps'] } };
  const devices = [
    ...[device('a'), device('b', { over_limits: ['cpu over'] }), device('c', { unavailable: 'is offline' })],
    ...[device('d', { slots: 0 }), device('e', apps), device('f', apps), device('g', apps)],
  ];
  const count = ableCounter(devices);
  for (const [task_type, able] of Object.entries({ sync_data: 2, sync_apps: 3, other: 0 })) {
    const lane = { task_type, required_capabilities: null };
    expect([ableDevices(lane, devices), count(lane)]).toEqual([able, able]);
  }
});

test('lanes come by rank, then by how few devices can run them; what is not known comes last', () => {
  const lane = (claim_rank: number, able: number | null) => ({ claim_rank, able });
  const lanes = [lane(1, 50), lane(5, 2), lane(5, 9), lane(5, null)];
  expect([3, 2, 0, 1].map((n) => lanes[n]!).sort(scarceFirst)).toEqual(lanes);
  expect(scarceFirst(lanes[1]!, lanes[1]!)).toBe(0);
});

test('a device whose places of a type are all stuck takes no more of it, and takes other types', () => {
  const capabilities = { supported_tasks: ['sync_data', 'sync_apps'], max_per_type: { sync_data: 2 } };
  const one = (sync_data: number) => device('a', { capabilities, stuck: sync_data, stuck_types: { sync_data } });
  expect(why(one(1))).toEqual([]);
  expect(why(one(2))).toEqual(['has all places of sync_data stuck']);
  expect(why(one(2), {}, 'sync_apps')).toEqual([]);
  expect(why(device('a', { stuck: 2, stuck_types: { sync_data: 2 } }))).toEqual([]);
});
