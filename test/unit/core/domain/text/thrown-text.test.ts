// What was thrown, and any text, as it may be stored.
import { describe, expect, it, vi } from 'vitest';
import { cleanText, errorClass, errorText, truncateBytes } from '../../../../../src/core/domain/text/error-text.ts';
import { thrownClass, thrownText } from '../../../../../src/core/domain/text/thrown-text.ts';

it('finding S1: a cause is not searched for as a page within a page', () => {
  const includes = vi.spyOn(String.prototype, 'includes');
  const error = new Error('a'.repeat(4_000_000), { cause: new Error(`b${'a'.repeat(2_000_000)}`) });
  const text = errorText(thrownText(error));
  const cost = includes.mock.calls.map(([wanted], n) => wanted.length * String(includes.mock.contexts[n]).length);
  includes.mockRestore();
  expect(Math.max(...cost)).toBeLessThan(10_000_000);
  expect(text.endsWith('…')).toBe(true);
});

describe('the text of what was thrown', () => {
  const chain = (...texts: string[]): Error | undefined => {
    const [first, ...rest] = texts;
    return first === undefined ? undefined : new Error(first, { cause: chain(...rest) });
  };
  const circle = new Error('round');
  circle.cause = circle;

  it.each([
    ['up to three causes', chain('a', 'b', 'c', 'd', 'e'), 'a (cause: b) (cause: c) (cause: d)'],
    ['each cause once', chain('a', 'b', 'b', 'c'), 'a (cause: b) (cause: c)'],
    ['no cause that the text above it has', chain('failed: refused', 'refused'), 'failed: refused'],
    ['a cause that is a word', { message: 'm', cause: 'a word' }, 'm (cause: a word)'],
    ['the end of a circle', circle, 'round'],
    ['a string', 'said', 'said'],
    ['nothing', undefined, 'undefined was thrown'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an error without a text', new TypeError(''), 'TypeError'],
    ['an object', { code: 17 }, '{"code":17}'],
    ['an object that JSON leaves out', { toJSON() {} }, '[object Object]'],
    ['an error_message before a message', { message: 'b', error_message: 'a' }, 'a'],
    ['a message before an error', { error: 'b', message: 'a' }, 'a'],
    ['an error before a reason', { reason: 'b', error: 'a' }, 'a'],
    ['a reason, for an empty message', { message: '', reason: 'a' }, 'a'],
    ['a reason, for a message that is no text', { message: 5, reason: 'a' }, 'a'],
    ['several errors', new AggregateError([new Error('a'), 'b', { message: 'c' }, 'd']), 'a; b; c'],
    ['as much as an error text reads', 'x'.repeat(100_000), 'x'.repeat(32_768)],
  ])('has %s', (_, thrown, text) => {
    expect(thrownText(thrown)).toBe(text);
  });
});

describe('the class of what was thrown', () => {
  class Quota extends Error {}

  it.each([
    ['its name', Object.assign(new Error('x'), { name: 'Custom' }), 'Custom'],
    ['that of its constructor, where the name says nothing', new Quota('x'), 'Quota'],
    ['its name, where the constructor has none', new (class extends Error {})('x'), 'Error'],
    ['its name, where that of the constructor is no text', { name: 'Error', constructor: { name: 5 } }, 'Error'],
    ['its name, where there is no constructor', Object.assign(Object.create(null), { name: 'Error' }), 'Error'],
    ['the name of an object', { name: 'Said' }, 'Said'],
    ['Error, of an object without a name', {}, 'Error'],
    ['Error, of a string', 'text', 'Error'],
    ['Error, of null', null, 'Error'],
  ])('is %s', (_, thrown, name) => {
    expect(thrownClass(thrown)).toBe(name);
  });

  it('is stored as at most 64 plain characters', () => {
    const names = ['Type.Error:x-1', 'a b  c!', '', 5, 'x'.repeat(65), `${' '.repeat(255)}abc`];
    const stored = ['Type.Error:x-1', 'a_b_c_', 'Error', 'Error', 'x'.repeat(64), '_a'];
    expect(names.map((name) => errorClass(name))).toEqual(stored);
    expect(errorClass(undefined, 'None')).toBe('None');
  });
});

describe('an error text', () => {
  it('keeps its lines, and loses what a terminal obeys and what no column holds', () => {
    expect(cleanText('a\u001b[31;1mb\u001b[0m\r\nc\rd\te\u0000\u009bf\ud800')).toBe('ab\nc\nd\tef\ufffd');
    expect(cleanText('\u001b[?25l\u001b[2 q\u001b[1;2Hx')).toBe('x');
    expect(cleanText('[31m stays')).toBe('[31m stays');
  });

  it('is cut to bytes, never inside a character, and shows it', () => {
    const cut = (bytes: number, ...texts: string[]) => texts.map((text) => truncateBytes(text, bytes));
    expect(cut(6, 'abcdef', 'abcdefg')).toEqual(['abcdef', 'abc…']);
    expect(cut(9, '错错错', '错错错错', 'a错错错')).toEqual(['错错错', '错错…', 'a错…']);
    expect([...cut(10, '错错错错'), ...cut(4, '😀😀')]).toEqual(['错错…', '…']);
  });

  it('is never empty, and never longer than 8 KB', () => {
    expect(errorText('  \u0000 ')).toBe('no message');
    expect(errorText('', 'nothing')).toBe('nothing');
    expect(errorText('  said  ')).toBe('said');
    expect(errorText('x'.repeat(8192))).toBe('x'.repeat(8192));
    expect(errorText('x'.repeat(8193))).toBe(`${'x'.repeat(8189)}…`);
    // Control characters are skipped as far as four times the bound.
    expect(errorText(`${'\u0000'.repeat(4 * 8192 - 3)}abcdef`)).toBe('abc');
  });
});
