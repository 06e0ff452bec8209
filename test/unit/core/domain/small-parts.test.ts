// The small pure functions that others stand on: errors, names of things, times, sizes, payloads.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attemptKey } from '../../../../src/core/domain/attempt/attempt-key.ts';
import { oneMore } from '../../../../src/core/domain/attempt/retry.ts';
import { byteSize, exactBytes, spelledBytes } from '../../../../src/core/domain/byte-size.ts';
import { planPartitions } from '../../../../src/core/domain/day-partitions.ts';
import { durationSeconds, instantMilliseconds, spelledSeconds } from '../../../../src/core/domain/duration.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../../../src/core/domain/errors.ts';
import { claimRank, laneKey, laneRankKey } from '../../../../src/core/domain/lane.ts';
import { slotsOf } from '../../../../src/core/domain/slots.ts';
import { effectivePayload } from '../../../../src/core/domain/task/payload.ts';
import { remaining } from '../../../../src/core/domain/task/progress.ts';
import { targetObstacles, targetWarnings } from '../../../../src/core/domain/task/target-device.ts';
import { LONGEST_TIMEOUT_S, timeoutSeconds } from '../../../../src/core/domain/task/timeout.ts';
import { maximaPublished, maxOfType, typeMaxima } from '../../../../src/core/domain/type-max.ts';

const INT = 2_147_483_647;

describe('an error of afd', () => {
  it('has the exit code of its code, and what it was given', () => {
    const given = { suggestions: ['afd tasks ls'], data: { task_id: 1 }, cause: new Error('why') };
    const error = new AfdError('E_NOT_FOUND', 'no task', given);
    expect(error).toMatchObject({ name: 'AfdError', code: 'E_NOT_FOUND', exitCode: 3, message: 'no task', ...given });
    const plain = new AfdError('E_INTERNAL', 'bug');
    expect(plain).toMatchObject({ exitCode: 1, suggestions: [], data: {} });
    expect(Object.hasOwn(plain, 'cause')).toBe(false);
  });

  it('exits as the page of errors says', () => {
    const page = readFileSync(new URL('../../../../docs/reference/errors.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(E_\w+)` \| (\d+) \|/gm)].map(([, code, exit]) => [code, Number(exit)]);
    const codes = Object.keys(ERROR_CODES).map((code) => [code, new AfdError(code as ErrorCode, 'x').exitCode]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(codes));
  });
});

it('an attempt, a lane and a lane with a rank have names; a lane is a hash of type and requirements', () => {
  const token = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
  expect(attemptKey({ task_id: 7, claim_token: token })).toBe('0123456789abcdef0123456789abcdef/7');
  expect(attemptKey({ task_id: 7, claim_token: token, key: 'made' })).toBe('made');
  expect(laneRankKey({ lane: token, claim_rank: 5 })).toBe('0123456789abcdef0123456789abcdef/5');
  const hash = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16);
  expect([laneKey('t', null), laneKey('t', '{"a":1}')]).toEqual([hash('t|'), hash('t|{"a":1}')]);
});

it('the rank of a priority is its distance from the highest, and 5 without one', () => {
  expect([99, 10, 1, 0, -3, null, undefined].map(claimRank)).toEqual([0, 0, 9, 10, 10, 5, 5]);
});

it('a count in an INT column rises by one, and stays at the end of the column', () => {
  expect([0, 41, INT - 1, INT].map(oneMore)).toEqual([1, 42, INT, INT]);
});

describe('durations', () => {
  it('are seconds, or a number with a unit', () => {
    const texts = [0, 0.5, '30', '30s', '250ms', '5m', '2h', '1.5d', ' 7 s ', '123456789012345s', '1.123456789s'];
    const seconds = [0, 0.5, 30, 30, 0.25, 300, 7200, 129_600, 7, 123_456_789_012_345, 1.123456789];
    expect(texts.map(durationSeconds)).toEqual(seconds);
  });

  const unreadable = ['', 's', '-5s', '5 weeks', '5s5', 'x5s', '1.s', '1234567890123456s', '1.1234567890s'];
  it.each([-1, Number.POSITIVE_INFINITY, null, ...unreadable])('%j is none', (given) => {
    expect(durationSeconds(given)).toBeUndefined();
  });

  it('are spelled in the largest unit in which they are whole', () => {
    const texts = ['1d', '1h', '25h', '1m', '90s', '0s', '250ms', '1500ms'];
    expect([86_400, 3600, 90_000, 60, 90, 0, 0.25, 1.5].map(spelledSeconds)).toEqual(texts);
  });
});

describe('sizes', () => {
  const [KB, MB, GB, TB] = [1024, 1024 ** 2, 1024 ** 3, 1024 ** 4] as const;

  it('are bytes, or a number with a unit', () => {
    const texts = [0, '512', '512B', '64k', '512 MiB', ' 2 gb ', '1.25GB', '2tb'];
    expect(texts.map(byteSize)).toEqual([0, 512, 512, 64 * KB, 512 * MB, 2 * GB, 1.25 * GB, 2 * TB]);
  });

  const unreadable = ['', 'GB', 'much', '-1MB', '1 PB', '1e3', 'x1', '1.B', '1234567890123456', '99999999TB'];
  it.each([-1, 1.5, null, [1], ...unreadable])('%j is no size', (value) => {
    expect(byteSize(value)).toBeUndefined();
  });

  it('are spelled with one decimal place, or exactly in the largest unit in which they are whole', () => {
    const texts = ['0 B', '1000 B', '1 KB', '2.1 GB', '2 GB', '3 TB'];
    expect([0, 1000, KB, 2_254_857_830, 2 * GB, 3 * TB].map(spelledBytes)).toEqual(texts);
    expect([0, 1536, 512 * MB, TB].map(exactBytes)).toEqual(['0B', '1536B', '512MB', '1TB']);
  });
});

describe('instants', () => {
  const noon = Date.parse('2026-01-01T12:00:00Z');

  const same = [
    '01t12:00:00z',
    '01 12:00:00Z',
    '01T12:00Z',
    '01T12:00:00.000000000Z',
    '01T20:00+0800',
    '01T04:00 -08:00',
  ];
  it.each([...same.map((text) => `2026-01-${text}`), new Date(noon)])('%s is that moment', (given) => {
    expect(instantMilliseconds(given)).toBe(noon);
  });

  const odd = ['01T12:00:00', '01', '32T12:00:00Z', '01T12:00:00Z ', '01T12:00:00.1234567890Z', '01T12:00:00.Z'];
  const texts = [...odd.map((text) => `2026-01-${text}`), '+002026-01-01T12:00:00Z'];
  it.each([...texts, new Date('x'), noon, { toString: () => '2026-01-01T12:00:00Z' }])('%s is none', (given) => {
    expect(instantMilliseconds(given)).toBeUndefined();
  });
});

it('a table has the partitions of today and of the two days after it; a hole is never filled, what is not ours stays', () => {
  const plan = (...existing: string[]) => planPartitions([...existing, 'p_future'], '2026-11-30', 7);
  const days = ['p20261130', 'p20261201', 'p20261202'];
  expect(plan().add.map(({ name }) => name)).toEqual(days);
  expect(plan(...days)).toEqual({ add: [], drop: [] });
  const old = ['p20261121', 'p20261122', 'p20261123', 'p20261201'];
  expect(plan('p_old', 'xp20200101', 'p202001010', ...old)).toEqual({
    add: [{ name: 'p20261202', before: '2026-12-03 00:00:00' }],
    drop: ['p20261121', 'p20261122'],
  });
});

describe('the payload of a handler', () => {
  const none = { username: null, app_id: null, start_date: null, end_date: null };
  const some = { username: 'u', app_id: '', start_date: '2026-01-01', end_date: null };

  it('is task_data, over the columns that say something', () => {
    expect(effectivePayload(none, '{"a":1}')).toEqual({ a: 1 });
    expect(effectivePayload(some, '{"a":1,"username":"v"}')).toEqual({ username: 'v', start_date: '2026-01-01', a: 1 });
    const all = { username: 'u', app_id: 'x', start_date: '2026-01-01', end_date: '2026-01-02' };
    expect(effectivePayload(all, null)).toEqual(all);
    expect(effectivePayload({ username: 'u' } as never, '{"a":1}')).toStrictEqual({ username: 'u', a: 1 });
  });

  it('may be written twice encoded, and nothing at all is an empty one', () => {
    expect(effectivePayload(none, JSON.stringify('{"a":1}'))).toEqual({ a: 1 });
    for (const nothing of [null, '', 'null', '""', '"null"', undefined as never])
      expect(effectivePayload(none, nothing)).toEqual({});
  });

  it.each(['[1]', '1', '"[1]"', '{'])('%s is none', (text) => {
    expect(() => effectivePayload(some, text)).toThrow(text === '{' ? SyntaxError : 'task_data is not a JSON object');
  });
});

describe('what capabilities say', () => {
  it('of slots is a whole number that a column holds', () => {
    const slots = (max_concurrent: unknown) => slotsOf({ max_concurrent });
    expect([1, INT].map(slots)).toEqual([1, INT]);
    for (const none of [0, 1.5, INT + 1, '5', undefined]) expect(slots(none)).toBeUndefined();
    expect([null, 5].map(slotsOf)).toEqual([undefined, undefined]);
  });

  it('of the maximum of a type is read, whoever wrote it; a worker publishes those of the types that it runs', () => {
    const maxima = typeMaxima(['crawl', 'call', 'constructor'], { crawl: { max: 2 }, call: {}, other: { max: 1 } });
    expect(maximaPublished(maxima)).toEqual({ max_per_type: { crawl: 2 } });
    expect(maximaPublished(typeMaxima(['call'], { call: {} }))).toEqual({});
    expect(maxOfType({ max_per_type: { crawl: 1 } }, 'crawl')).toBe(1);
    for (const max_per_type of [undefined, null, 3, 'x', [], { crawl: 0 }, { crawl: 1.5 }, { crawl: '2' }, { call: 1 }])
      expect(maxOfType({ max_per_type }, 'crawl'), JSON.stringify(max_per_type)).toBeUndefined();
    expect(maxOfType({ max_per_type: {} }, 'constructor')).toBeUndefined();
  });
});

const HALF = { done: 30, total: 100, begun_done: 10, elapsed: 20, age: 0 };

it.each([
  ['goes on as before: 20 in 20 s, 70 to go', {}, 70],
  ['is reckoned from where the attempt began, not from 0', { begun_done: 20, elapsed: 20 }, 140],
  ['is less by the time since the last report', { age: 15 }, 55],
  ['is never negative', { age: 1000 }, 0],
  ['is 0 at the end', { done: 100 }, 0],
])('what remains %s', (_what, more, seconds) => {
  expect(remaining({ ...HALF, ...more })).toBe(seconds);
});

it('what remains is not known before the second report, while nothing has moved, nor without a figure', () => {
  const none = Object.keys(HALF).map((key) => ({ [key]: null }));
  for (const more of [...none, { elapsed: 0 }, { done: 10 }, { done: 101 }])
    expect(remaining({ ...HALF, ...more }), JSON.stringify(more)).toBeNull();
});

it('the timeout of a task is its own, within what a timer can wait, or the other one', () => {
  const longest = LONGEST_TIMEOUT_S;
  expect(['60', 0.01, INT, null, 0, -1].map((own) => timeoutSeconds(own, 900))).toEqual([
    60,
    1,
    longest,
    900,
    900,
    900,
  ]);
  expect(timeoutSeconds(null, INT)).toBe(longest);
});

describe('why a directed task would not start', () => {
  const device = {
    ...{ device_id: 'w', device_type: 'worker', status: 'online', operator_state: 'active' },
    ...{ capabilities: { supported_tasks: ['t'] }, over_limits: [] as string[] },
  };
  const lane = { task_type: 't', required_capabilities: null };
  const held = { ...device, over_limits: ['cpu', 'disk'] };
  const away = { ...held, status: 'offline', operator_state: 'paused' };

  it('obstacles are words that follow its name; a resource limit is none, because it passes', () => {
    expect(targetObstacles(held, lane)).toEqual([]);
    const unable = ['is offline', 'is paused', 'does not handle u', 'lacks gpu=true'];
    expect(targetObstacles(away, { task_type: 'u', required_capabilities: { gpu: true } })).toEqual(unable);
  });

  it('warnings are what happens to the task; one that is away says nothing of limits', () => {
    expect(targetWarnings(device, lane)).toEqual([]);
    expect(targetWarnings(held, lane)).toEqual([
      'w claims no tasks at the moment (cpu; disk): the task stays pending until it does.',
    ]);
    expect(targetWarnings(away, { ...lane, task_type: 'u' })).toEqual([
      'w is offline: the leader will release the task to all devices.',
      'w is paused: the leader will release the task to all devices.',
      'w does not handle u: the task cannot start on it until that changes.',
    ]);
  });
});
