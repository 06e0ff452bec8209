import { describe, expect, it } from 'vitest';
import { JSON_DEPTH, jsonSnapshot } from '../../../../../src/core/domain/text/json-snapshot.ts';

const MANY = 1_000_000;
const problem = (value: unknown, most = MANY) => {
  const found = jsonSnapshot(value, most);
  return 'problem' in found ? found.problem : undefined;
};
const copy = (value: unknown) => {
  const found = jsonSnapshot(value, MANY);
  return 'value' in found ? found.value : found.problem;
};
/** `depth` lists in each other. */
const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);

describe('a copy of a value as JSON', () => {
  it('is what JSON keeps of it, and none of the value itself', () => {
    const given = { list: [1, null, true, 'x'], when: new Date(0), gone: undefined };
    expect(copy(given)).toStrictEqual({ list: [1, null, true, 'x'], when: '1970-01-01T00:00:00.000Z' });
    expect(copy(given)).not.toBe(given);
    expect(copy(undefined)).toBeNull();
    expect(copy(null)).toBeNull();
    expect(copy(0)).toBe(0);
  });

  it('has U+FFFD for half a character, in names too, and everything else as it was', () => {
    const given = { 'k\ud800': 'v\udc00', n: 1, none: null, yes: true, list: ['\ud800', 2, {}], pair: '😀' };
    const whole = { 'k\ufffd': 'v\ufffd', n: 1, none: null, yes: true, list: ['\ufffd', 2, {}], pair: '😀' };
    expect(copy(given)).toStrictEqual(whole);
    expect(copy('\ud800')).toBe('\ufffd');
  });
});

describe('there is none', () => {
  it('of what JSON cannot hold', () => {
    expect(problem(() => 1)).toBe('is a function, which JSON cannot represent');
    expect(problem(Symbol('s'))).toBe('is a symbol, which JSON cannot represent');
  });

  it('of what cannot be written: the first line says why', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(problem(cyclic)).toBe('cannot be written as JSON (Converting circular structure to JSON)');
    const thrower = (error: unknown) => ({
      toJSON() {
        throw error;
      },
    });
    expect(problem(thrower(new Error('one\ntwo')))).toBe('cannot be written as JSON (one)');
    expect(problem(thrower('a word'))).toBe('cannot be written as JSON (it threw)');
  });

  it('of what has too many bytes: characters are counted as UTF-8', () => {
    expect(problem('x'.repeat(8), 10)).toBeUndefined();
    expect(problem('x'.repeat(9), 10)).toBe('has 11 bytes as JSON; the maximum is 10');
    expect(problem('错'.repeat(3), 11)).toBeUndefined();
    expect(problem('错'.repeat(3), 10)).toBe('has 11 bytes as JSON; the maximum is 10');
  });

  it('of what is nested deeper than a server takes', () => {
    expect(JSON_DEPTH).toBe(31);
    expect(problem(nested(JSON_DEPTH))).toBeUndefined();
    expect(problem(nested(JSON_DEPTH + 1))).toBe('is nested deeper than 31 levels');
    expect(problem({ a: [null, 1, nested(JSON_DEPTH - 1)] })).toBe('is nested deeper than 31 levels');
  });
});
