// The small pure functions that others stand on: names of things, times, payloads, sizes.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { attemptKey } from '../../../../src/core/domain/attempt/attempt-key.ts';
import { oneMore } from '../../../../src/core/domain/attempt/retry.ts';
import { byteSize, exactBytes } from '../../../../src/core/domain/byte-size.ts';
import { durationSeconds, instantMilliseconds, spelledSeconds } from '../../../../src/core/domain/duration.ts';
import { claimRank, laneKey, laneRankKey } from '../../../../src/core/domain/lane.ts';
import { slotsOf } from '../../../../src/core/domain/slots.ts';
import { effectivePayload } from '../../../../src/core/domain/task/payload.ts';
import { counted } from '../../../../src/core/domain/text/counted.ts';

const token = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');

describe('the name of', () => {
  it('an attempt is its token and its task, or the one that was made before', () => {
    expect(attemptKey({ task_id: 7, claim_token: token })).toBe('0123456789abcdef0123456789abcdef/7');
    expect(attemptKey({ task_id: 7, claim_token: token, key: 'made' })).toBe('made');
  });

  it('the key of a lane and rank has both', () => {
    expect(laneRankKey({ lane: token, claim_rank: 5 })).toBe('0123456789abcdef0123456789abcdef/5');
  });

  it('a lane is a hash of type and requirements; none and an empty text are one', () => {
    const hash = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16);
    expect(laneKey('t', null)).toEqual(hash('t|'));
    expect(laneKey('t', '{"a":1}')).toEqual(hash('t|{"a":1}'));
    expect(laneKey('t', null)).toHaveLength(16);
  });

  it.each([
    [10, 0],
    [1, 9],
    [0, 10],
    [-3, 10],
    [99, 0],
    [null, 5],
    [undefined, 5],
  ])('the rank of priority %s is %i', (priority, rank) => {
    expect(claimRank(priority)).toBe(rank);
  });
});

describe('a number with its noun', () => {
  it.each([
    [0, '0 tasks'],
    [1, '1 task'],
    [2, '2 tasks'],
  ])('%i', (n, text) => {
    expect(counted(n, 'task')).toBe(text);
  });

  it('has the plural that it is given, where an s does not make it', () => {
    expect([counted(1, 'entry', 'entries'), counted(3, 'entry', 'entries')]).toEqual(['1 entry', '3 entries']);
  });
});

describe('durations', () => {
  it.each([
    [30, 30],
    [0, 0],
    [0.5, 0.5],
    ['30', 30],
    ['30s', 30],
    ['250ms', 0.25],
    ['5m', 300],
    ['2h', 7200],
    ['1.5d', 129_600],
    [' 7 s ', 7],
    ['123456789012345s', 123_456_789_012_345],
    ['1.123456789s', 1.123456789],
  ])('%j is %d s', (given, seconds) => {
    expect(durationSeconds(given)).toBeCloseTo(seconds, 9);
  });

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    's',
    '-5s',
    '5 weeks',
    '5s5',
    'x5s',
    '1.s',
    '.5s',
    null,
    true,
    [],
    '1234567890123456s',
    '1.1234567890s',
  ])('%j is none', (given) => {
    expect(durationSeconds(given)).toBeUndefined();
  });

  it.each([
    [86_400, '1d'],
    [172_800, '2d'],
    [3600, '1h'],
    [90_000, '25h'],
    [60, '1m'],
    [90, '90s'],
    [0, '0s'],
    [0.25, '250ms'],
    [1.5, '1500ms'],
  ])('%d s is spelled %s', (seconds, text) => {
    expect(spelledSeconds(seconds)).toBe(text);
  });
});

describe('instants', () => {
  const noon = Date.parse('2026-01-01T12:00:00Z');

  it.each([
    '2026-01-01T12:00:00Z',
    '2026-01-01t12:00:00z',
    '2026-01-01 12:00:00Z',
    '2026-01-01T12:00Z',
    '2026-01-01T12:00:00.000000000Z',
    '2026-01-01T20:00:00+08:00',
    '2026-01-01T20:00:00+0800',
    '2026-01-01T04:00:00 -08:00',
  ])('%s is that moment', (text) => {
    expect(instantMilliseconds(text)).toBe(noon);
  });

  it('a Date is its moment, and one that is none is none', () => {
    expect(instantMilliseconds(new Date(noon))).toBe(noon);
    expect(instantMilliseconds(new Date('x'))).toBeUndefined();
  });

  it.each([
    '2026-01-01T12:00:00',
    '2026-01-01',
    '2026-13-01T12:00:00Z',
    'x2026-01-01T12:00:00Z',
    '+002026-01-01T12:00:00Z',
    '2026-01-01T12:00:00Zx',
    '2026-01-01T12:00:00Z ',
    '2026-01-01T12:00:00.1234567890Z',
    '2026-01-01T12:00:00.Z',
    'tomorrow',
    noon,
    null,
    { toString: () => '2026-01-01T12:00:00Z' },
  ])('%j is none', (given) => {
    expect(instantMilliseconds(given)).toBeUndefined();
  });
});

describe('the payload of a handler', () => {
  const none = { username: null, app_id: null, start_date: null, end_date: null };
  const some = { username: 'u', app_id: '', start_date: '2026-01-01', end_date: null };

  it('is task_data, over the columns that say something', () => {
    expect(effectivePayload(none, '{"a":1}')).toEqual({ a: 1 });
    expect(effectivePayload(some, '{"a":1,"username":"v"}')).toEqual({ username: 'v', start_date: '2026-01-01', a: 1 });
    expect(effectivePayload({ ...some, app_id: 'x', end_date: '2026-01-02' }, null)).toEqual({
      ...{ username: 'u', app_id: 'x', start_date: '2026-01-01', end_date: '2026-01-02' },
    });
    expect(effectivePayload({} as never, '{"a":1}')).toStrictEqual({ a: 1 });
    expect(effectivePayload({ username: 'u' } as never, '{"a":1}')).toStrictEqual({ username: 'u', a: 1 });
  });

  it('may be written twice encoded, and nothing at all is an empty one', () => {
    expect(effectivePayload(none, JSON.stringify('{"a":1}'))).toEqual({ a: 1 });
    for (const nothing of [null, '', 'null', '""', '"null"', undefined as never])
      expect(effectivePayload(none, nothing)).toEqual({});
  });

  it.each(['[1]', '1', 'true', '"[1]"', '"1"'])('%s is none', (text) => {
    expect(() => effectivePayload(none, text)).toThrow('task_data is not a JSON object');
  });

  it.each(['{', '"{"'])('%s is no JSON', (text) => {
    expect(() => effectivePayload(some, text)).toThrow(SyntaxError);
  });
});

describe('slots that capabilities name', () => {
  it.each([1, 5, 2_147_483_647])('%d', (max_concurrent) => {
    expect(slotsOf({ max_concurrent })).toBe(max_concurrent);
  });

  it.each([0, -1, 1.5, 2_147_483_648, '5', null, undefined, [5]])('%j is none', (max_concurrent) => {
    expect(slotsOf({ max_concurrent })).toBeUndefined();
  });

  it.each([null, undefined, 5, 'x', {}, []])('nor does %j name any', (capabilities) => {
    expect(slotsOf(capabilities)).toBeUndefined();
  });
});

describe('a count in an INT column', () => {
  it('rises by one, and stays at the end of the column', () => {
    expect([0, 41, 2_147_483_646, 2_147_483_647].map(oneMore)).toEqual([1, 42, 2_147_483_647, 2_147_483_647]);
  });
});

describe('a size in bytes', () => {
  it.each([
    [512, 512],
    ['512', 512],
    ['512B', 512],
    ['64k', 65_536],
    ['512MB', 536_870_912],
    ['512 MiB', 536_870_912],
    ['1.5GB', 1_610_612_736],
    ['2tb', 2_199_023_255_552],
    [-1, undefined],
    [1.5, undefined],
    ['much', undefined],
    ['5 PB', undefined],
    ['999999999999999TB', undefined],
    [null, undefined],
  ])('%s', (value, bytes) => {
    expect(byteSize(value)).toBe(bytes);
  });

  it('is spelled in the largest unit in which it is whole', () => {
    expect([0, 1536, 536_870_912, 1024 ** 4].map(exactBytes)).toEqual(['0B', '1536B', '512MB', '1TB']);
  });
});
