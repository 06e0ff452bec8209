// The small pure functions that others stand on: names of things, times, payloads, sizes.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { attemptKey } from '../../../../src/core/domain/attempt-key.ts';
import { durationSeconds, instantMilliseconds, spelledSeconds } from '../../../../src/core/domain/duration.ts';
import { cleanText, errorClass, errorText, truncateBytes } from '../../../../src/core/domain/error-text.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../../../src/core/domain/errors.ts';
import { claimRank, laneKey } from '../../../../src/core/domain/lane-key.ts';
import { pairKey } from '../../../../src/core/domain/pair-key.ts';
import { effectivePayload } from '../../../../src/core/domain/payload.ts';
import { oneMore } from '../../../../src/core/domain/retry.ts';
import { slotsOf } from '../../../../src/core/domain/slots.ts';
import { targetWarnings } from '../../../../src/core/domain/target-device.ts';

const token = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');

describe('the name of', () => {
  it('an attempt is its token and its task, or the one that was made before', () => {
    expect(attemptKey({ task_id: 7, claim_token: token })).toBe('0123456789abcdef0123456789abcdef/7');
    expect(attemptKey({ task_id: 7, claim_token: token, key: 'made' })).toBe('made');
  });

  it('a pair is its lane and its rank', () => {
    expect(pairKey({ lane: token, claim_rank: 5 })).toBe('0123456789abcdef0123456789abcdef/5');
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

describe('why a directed task would not start', () => {
  const device = {
    ...{ device_id: 'w', device_type: 'worker', status: 'online', operator_state: 'active' },
    ...{ capabilities: { supported_tasks: ['t'] }, held: [] as string[] },
  };
  const lane = { task_type: 't', required_capabilities: null };

  it('nothing, where it will', () => {
    expect(targetWarnings(device, lane)).toEqual([]);
  });

  it('away, unable, over a gate: each with what happens; one that is away says nothing of gates', () => {
    const held = ['cpu', 'disk'];
    expect(targetWarnings({ ...device, held }, lane)).toEqual([
      'w claims nothing for now (cpu; disk): the task waits for it.',
    ]);
    expect(targetWarnings({ ...device, held, status: 'offline', operator_state: 'paused' }, lane)).toEqual([
      'w is offline: the leader gives the task back to every device.',
      'w is paused: the leader gives the task back to every device.',
    ]);
    expect(targetWarnings(device, { ...lane, task_type: 'u' })).toEqual([
      'w does not handle u: the task does not start there as long as that is so.',
    ]);
  });
});

describe('an error of afd', () => {
  it('has the exit code of its code, and what it was given', () => {
    const cause = new Error('why');
    const error = new AfdError('E_NOT_FOUND', 'no task', {
      suggestions: ['afd tasks ls'],
      data: { task_id: 1 },
      cause,
    });
    expect(error).toMatchObject({
      ...{ name: 'AfdError', code: 'E_NOT_FOUND', exitCode: 3, message: 'no task', cause },
      ...{ suggestions: ['afd tasks ls'], data: { task_id: 1 } },
    });
    const plain = new AfdError('E_INTERNAL', 'bug');
    expect([plain.exitCode, plain.suggestions, plain.data]).toEqual([1, [], {}]);
    expect(Object.hasOwn(plain, 'cause')).toBe(false);
  });

  it('exits as the registry says', () => {
    const exits = Object.entries(ERROR_CODES).map(([code, { exit }]) => [code, exit]);
    for (const [code, exit] of exits) expect(new AfdError(code as ErrorCode, 'x').exitCode).toBe(exit);
    expect(ERROR_CODES.E_CONFLICT.exit).toBe(5);
    expect(ERROR_CODES.E_DATABASE.exit).toBe(69);
  });
});

describe('an error text', () => {
  it('keeps its lines, and loses what a terminal obeys and what no column holds', () => {
    expect(cleanText('a\u001b[31;1mb\u001b[0m\r\nc\rd\te\u0000\u009bf\ud800')).toBe('ab\nc\nd\tef\ufffd');
    expect(cleanText('\u001b[?25l\u001b[2 q\u001b[1;2Hx')).toBe('x');
    expect(cleanText('[31m stays')).toBe('[31m stays');
  });

  it('is cut to bytes, never inside a character, and shows it', () => {
    expect(truncateBytes('abcdef', 6)).toBe('abcdef');
    expect(truncateBytes('abcdefg', 6)).toBe('abc…');
    expect(truncateBytes('错错错', 9)).toBe('错错错');
    expect(truncateBytes('错错错错', 9)).toBe('错错…');
    expect(truncateBytes('错错错错', 10)).toBe('错错…');
    expect(truncateBytes('a错错错', 9)).toBe('a错…');
    expect(truncateBytes('😀😀', 4)).toBe('…');
  });

  it('is never empty, and never longer than 8 KB', () => {
    expect(errorText('  \u0000 ')).toBe('no message');
    expect(errorText('', 'nothing')).toBe('nothing');
    expect(errorText('  said  ')).toBe('said');
    expect(errorText('x'.repeat(8192))).toBe('x'.repeat(8192));
    expect(errorText('x'.repeat(8193))).toBe(`${'x'.repeat(8189)}…`);
    // Control characters are looked away from as far as four times the bound.
    expect(errorText(`${'\u0000'.repeat(4 * 8192 - 3)}abcdef`)).toBe('abc');
  });

  it('has a class of 64 plain characters', () => {
    expect(errorClass('Type.Error:x-1')).toBe('Type.Error:x-1');
    expect(errorClass('a b  c')).toBe('a_b_c');
    expect([errorClass(''), errorClass(5), errorClass(undefined, 'None')]).toEqual(['Error', 'Error', 'None']);
    expect(errorClass('x'.repeat(65))).toBe('x'.repeat(64));
    expect(errorClass(`${' '.repeat(255)}abc`)).toBe('_a');
  });
});
