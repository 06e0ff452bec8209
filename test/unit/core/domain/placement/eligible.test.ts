import { expect, test } from 'vitest';
import { eligible } from '../../../../../src/core/domain/placement/eligible.ts';
import { preferredRegions } from '../../../../../src/core/domain/placement/lane.ts';
import { ableCounter, ableDevices, scarceFirst } from '../../../../../src/core/domain/placement/scarce-first.ts';
import { device, LANE } from './devices.ts';

const why = (one: ReturnType<typeof device>, lane: Parameters<typeof eligible>[1] = LANE) => {
  const found = eligible(one, lane);
  return found.ok ? [] : found.reasons;
};

test('an online device with slots that handles the type is eligible, however full it is', () => {
  expect(eligible(device('a', { running: 99 }), LANE)).toEqual({ ok: true });
});

test('every reason is named, not the first alone', () => {
  const one = device('a', {
    unavailable: 'is paused',
    slots: 0,
    over_limits: ['memory 97 % is over its limit of 90 %'],
  });
  expect(why(one, { task_type: 'sync_apps', required_capabilities: { browser: true } })).toEqual([
    'does not handle sync_apps',
    'lacks browser=true',
    'is paused',
    'has no slots',
    'memory 97 % is over its limit of 90 %',
  ]);
});

test('a required region excludes other devices, a preferred one excludes none', () => {
  const east = device('a', { region: 'cn-east', capabilities: { supported_tasks: ['sync_data'], region: 'cn-east' } });
  const lane = (region: unknown) => ({ task_type: 'sync_data', required_capabilities: { region } });
  expect(why(east, lane('cn-east'))).toEqual([]);
  expect(why(east, lane('eu'))).toEqual(['lacks region="eu"']);
  expect(why(east, lane({ prefer: 'eu' }))).toEqual([]);
  expect(why(device('b'), lane({ prefer: ['eu'] }))).toEqual([]);
});

test.each([
  [null, []],
  [{ region: 'eu' }, []],
  [{ region: { prefer: 'eu' } }, ['eu']],
  [{ region: { prefer: ['eu', 'us', 7] } }, ['eu', 'us']],
  [{ region: { prefer: null } }, []],
  [{ region: null }, []],
])('the regions that %j prefers', (required_capabilities, expected) => {
  expect(preferredRegions({ task_type: 't', required_capabilities })).toEqual(expected);
});

test('a number asks for at least as much, and a word or a list for what is there', () => {
  const one = device('a', {
    capabilities: {
      ...{ supported_tasks: ['sync_data'], memory_gb: 16, tier: 'gold', tags: ['x', 'y'], browser: true },
      ...{ cores: '32', proxy: 1, gpu_name: 'true' },
    },
  });
  const lane = (required: Record<string, unknown>) => ({ task_type: 'sync_data', required_capabilities: required });
  const met = [{ memory_gb: 15 }, { memory_gb: 16 }, { tier: 'gold' }, { tags: 'x' }, { tags: ['x', 'y'] }];
  const nothing = [{ browser: false }, { gpu: false }, { gpu: null }, { gpu: undefined }, { region: null }];
  for (const required of [...met, { browser: true }, ...nothing]) {
    expect(why(one, lane(required)), JSON.stringify(required)).toEqual([]);
  }
  const lacking = [{ memory_gb: 16.1 }, { memory_gb: '16' }, { tier: 16 }, { tier: 'silver' }, { tags: ['x', 'z'] }];
  const otherwise = [{ tier: true }, { proxy: true }, { gpu_name: true }, { gpu: true }, { browser: {} }, { cpu: 0 }];
  for (const required of [...lacking, ...otherwise, { cores: 16 }]) {
    expect(why(one, lane(required)), JSON.stringify(required)).toHaveLength(1);
  }
});

test('a wish is for regions alone: another capability that is asked for in that form is lacking', () => {
  expect(why(device('a'), { task_type: 'sync_data', required_capabilities: { browser: { prefer: true } } })).toEqual([
    'lacks browser={"prefer":true}',
  ]);
});

test('the devices that could run a lane: online and active ones, over their limits or not', () => {
  const devices = [
    device('a'),
    device('b', { over_limits: ['cpu over'] }),
    device('c', { unavailable: 'is offline' }),
    device('d', { slots: 0 }),
    device('e', { capabilities: { supported_tasks: ['sync_apps'] } }),
  ];
  expect(ableDevices(LANE, devices)).toBe(2);
});

test('counting for many lanes is the same as counting for each', () => {
  const devices = Array.from({ length: 60 }, (_, n) =>
    device(`d${n}`, {
      capabilities: { supported_tasks: n % 3 === 0 ? ['sync_data'] : ['sync_apps'], browser: n % 4 === 0 },
      unavailable: n % 7 === 0 ? 'is offline' : null,
      slots: n % 5,
    }),
  );
  const count = ableCounter(devices);
  for (const task_type of ['sync_data', 'sync_apps', 'other']) {
    for (const required_capabilities of [null, { browser: true }, { gpu: true }]) {
      const lane = { task_type, required_capabilities };
      expect(count(lane)).toBe(ableDevices(lane, devices));
    }
  }
  expect(count(LANE)).toBeGreaterThan(0);
});

test('lanes come by rank, then by how few devices can run them; what is not known comes last', () => {
  const lanes = [
    { claim_rank: 5, able: null },
    { claim_rank: 5, able: 9 },
    { claim_rank: 1, able: 50 },
    { claim_rank: 5, able: 2 },
  ];
  expect(lanes.sort(scarceFirst).map((one) => [one.claim_rank, one.able])).toEqual([
    [1, 50],
    [5, 2],
    [5, 9],
    [5, null],
  ]);
  expect(scarceFirst({ claim_rank: 5, able: 2 }, { claim_rank: 5, able: 2 })).toBe(0);
});

test('a device whose places of a type are all stuck takes no more of it, and takes other types', () => {
  const capabilities = { supported_tasks: ['sync_data', 'sync_apps'], max_per_type: { sync_data: 2 } };
  const one = (sync_data: number) => device('a', { capabilities, stuck: sync_data, stuck_types: { sync_data } });
  expect(why(one(1))).toEqual([]);
  expect(why(one(2))).toEqual(['has all places of sync_data stuck']);
  expect(why(one(2), { task_type: 'sync_apps', required_capabilities: null })).toEqual([]);
  expect(why(device('a', { stuck: 2, stuck_types: { sync_data: 2 } }))).toEqual([]);
});
