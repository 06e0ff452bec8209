// Texts as others can hold them: JSON of any value, the same JSON for the same requirements, a text in a narrow column.
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../../src/core/domain/text/canonical-json.ts';
import { counted } from '../../../../../src/core/domain/text/counted.ts';
import { ANY_WIDTH, fitText, type TextWidth } from '../../../../../src/core/domain/text/fit-text.ts';
import { JSON_DEPTH, jsonSnapshot } from '../../../../../src/core/domain/text/json-snapshot.ts';

describe('a copy of a value as JSON', () => {
  const copy = (value: unknown, most = 1_000_000) => {
    const found = jsonSnapshot(value, most);
    return 'value' in found ? found.value : found.problem;
  };
  const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
  const thrower = (error: unknown) => ({
    toJSON() {
      throw error;
    },
  });
  const half = { 'k\ud800': 'v\udc00', n: 1, none: null, yes: true, list: ['\ud800', 2, {}], pair: '😀' };
  const whole = { 'k\ufffd': 'v\ufffd', n: 1, none: null, yes: true, list: ['\ufffd', 2, {}], pair: '😀' };

  it.each([
    ['what JSON keeps', { when: new Date(0), gone: undefined }, { when: '1970-01-01T00:00:00.000Z' }],
    ['null for undefined', undefined, null],
    ['U+FFFD for half a character, in names too', half, whole],
    ['none of a function', () => 1, 'is a function, which JSON cannot represent'],
    ['none of what throws; the first line says why', thrower(new Error('one\ntwo')), 'cannot be written as JSON (one)'],
    ['none of what throws a word', thrower('a word'), 'cannot be written as JSON (it threw)'],
  ])('has %s', (_, given, expected) => {
    expect(copy(given)).toStrictEqual(expected);
  });

  it('is another object, of so many bytes of UTF-8, nested as deeply as a server takes', () => {
    const given = { list: [1] };
    expect(copy(given)).not.toBe(given);
    expect(copy('错'.repeat(3), 11)).toBe('错错错');
    expect(copy('错'.repeat(3), 10)).toBe('has 11 bytes as JSON; the maximum is 10');
    expect(JSON_DEPTH).toBe(31);
    expect(copy(nested(31))).toStrictEqual(nested(31));
    expect(copy({ a: [null, 1, nested(30)] })).toBe('is nested deeper than 31 levels');
  });
});

it('equal requirements give equal text, whatever the order of their keys; a list keeps its order', () => {
  const text = '{"a":[{"c":1,"d":2},"x"],"b":{"e":null,"f":true}}';
  expect(canonicalJson({ b: { f: true, e: null }, a: [{ d: 2, c: 1 }, 'x'] })).toBe(text);
  expect(canonicalJson(['y', 'x'])).toBe('["y","x"]');
  expect(canonicalJson(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
});

it('a number with its noun has an s, or the plural that it is given, unless it is one', () => {
  expect([0, 1, 2].map((n) => counted(n, 'task'))).toEqual(['0 tasks', '1 task', '2 tasks']);
  expect([1, 3].map((n) => counted(n, 'entry', 'entries'))).toEqual(['1 entry', '3 entries']);
});

describe('a text that fits its column', () => {
  const width = (characters: number, bytes: number, holds: TextWidth['holds'] = 'all') => ({
    characters,
    bytes,
    holds,
  });
  const varchar = (n: number, holds?: TextWidth['holds']) => width(n, n * 4, holds);
  const ten = 'abcdefghij';
  const most = `😀${'x'.repeat(65_531)}`;

  it.each<[what: string, text: string, TextWidth, fitted: string | null]>([
    ['stays as it is, to the last character', '😀'.repeat(64), varchar(64), '😀'.repeat(64)],
    ['stays as it is when it is empty', '', varchar(64), ''],
    ['is cut by characters, and shows it', '😀'.repeat(65), varchar(64), `${'😀'.repeat(63)}…`],
    ['is cut by bytes, never inside a character', '设'.repeat(100), width(255, 255), `${'设'.repeat(84)}…`],
    ['loses what utf8mb3 lacks', 'a 😀 设', varchar(64, 'bmp'), 'a \ufffd 设'],
    ['loses what ASCII lacks', 'a 😀 设…', varchar(64, 'ascii'), 'a ? ?...'],
    ['shows its cut in ASCII', 'é'.repeat(70), varchar(64, 'ascii'), `${'?'.repeat(61)}...`],
    ['shows its cut from eight characters on', ten, width(8, 99), 'abcdefg…'],
    ['and in fewer does not', ten, width(7, 99), 'abcdefg'],
    ['shows its cut from eight bytes on', ten, width(99, 8), 'abcde…'],
    ['and in fewer bytes does not', ten, width(99, 7), 'abcdefg'],
    ['is nothing without room for a character', ten, width(0, 9), null],
    ['is nothing without room for a byte', ten, width(9, 0), null],
    ['is one character where one has room', ten, width(1, 1), 'a'],
    ['is whole where nothing is known of the column', most, ANY_WIDTH, most],
    ['but no longer than a TEXT', `${most}x`, ANY_WIDTH, `${most.slice(0, -3)}…`],
  ])('%s', (_, text, of, fitted) => {
    expect(fitText(text, of)).toBe(fitted);
  });

  it.each([0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000])('counts U+%s by its bytes', (point) => {
    const character = String.fromCodePoint(point);
    const bytes = Buffer.byteLength(character) * 2;
    expect(fitText(character.repeat(2), width(2, bytes))).toBe(character.repeat(2));
    expect(fitText(character.repeat(2), width(2, bytes - 1))).toBe(character);
  });
});
