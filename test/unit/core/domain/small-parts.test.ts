// The small pure functions that others stand on: names of things, times, payloads, sizes.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { attemptKey } from '../../../../src/core/domain/attempt/attempt-key.ts';
import { oneMore } from '../../../../src/core/domain/attempt/retry.ts';
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

  it('the rank of a priority is its distance from the highest, and 5 without one', () => {
    expect([99, 10, 1, 0, -3, null, undefined].map(claimRank)).toEqual([0, 0, 9, 10, 10, 5, 5]);
  });
});

describe('a number with its noun', () => {
  it('has an s, unless it is one', () => {
    expect([0, 1, 2].map((n) => counted(n, 'task'))).toEqual(['0 tasks', '1 task', '2 tasks']);
  });

  it('has the plural that it is given, where an s does not make it', () => {
    expect([counted(1, 'entry', 'entries'), counted(3, 'entry', 'entries')]).toEqual(['1 entry', '3 entries']);
  });
});

describe('durations', () => {
  it.each([
    ...[
      [30, 30],
      [0, 0],
      [0.5, 0.5],
      ['30', 30],
      ['30s', 30],
      ['250ms', 0.25],
      ['5m', 300],
      ['2h', 7200],
    ],
    ...[
      ['1.5d', 129_600],
      [' 7 s ', 7],
      ['123456789012345s', 123_456_789_012_345],
      ['1.123456789s', 1.123456789],
    ],
  ] as Array<[string | number, number]>)('%j is %d s', (given, seconds) => {
    expect(durationSeconds(given)).toBeCloseTo(seconds, 9);
  });

  const unreadable = ['', 's', '-5s', '5 weeks', '5s5', 'x5s', '1.s', '.5s', '1234567890123456s', '1.1234567890s'];
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, null, true, [], ...unreadable])('%j is none', (given) => {
    expect(durationSeconds(given)).toBeUndefined();
  });

  it('are spelled in the largest unit in which they are whole', () => {
    const seconds = [86_400, 172_800, 3600, 90_000, 60, 90, 0, 0.25, 1.5];
    const texts = ['1d', '2d', '1h', '25h', '1m', '90s', '0s', '250ms', '1500ms'];
    expect(seconds.map(spelledSeconds)).toEqual(texts);
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
