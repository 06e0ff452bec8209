import { describe, expect, it, vi } from 'vitest';
import { errorClass, errorText } from '../../../../../src/core/domain/text/error-text.ts';
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

it('a cause that the text above it has already is not repeated', () => {
  const cause = new Error('connect ECONNREFUSED');
  expect(thrownText(new Error('failed: connect ECONNREFUSED', { cause }))).toBe('failed: connect ECONNREFUSED');
  expect(thrownText(new Error('failed', { cause }))).toBe('failed (cause: connect ECONNREFUSED)');
});

it('a class is made of the beginning of a name', () => {
  expect(errorClass('My Error!')).toBe('My_Error_');
  expect(errorClass('x'.repeat(5_000_000))).toHaveLength(64);
});

describe('the text of what was thrown', () => {
  const chain = (...texts: string[]): Error | undefined => {
    const [first, ...rest] = texts;
    return first === undefined ? undefined : new Error(first, { cause: chain(...rest) });
  };

  it('has up to three causes, each once', () => {
    expect(thrownText(chain('a', 'b', 'c'))).toBe('a (cause: b) (cause: c)');
    expect(thrownText(chain('a', 'b', 'c', 'd', 'e'))).toBe('a (cause: b) (cause: c) (cause: d)');
    expect(thrownText(chain('a', 'b', 'b', 'c'))).toBe('a (cause: b) (cause: c)');
    expect(thrownText({ message: 'm', cause: 'a word' })).toBe('m (cause: a word)');
    const circle = new Error('round');
    circle.cause = circle;
    expect(thrownText(circle)).toBe('round');
  });

  it.each([
    ['a string', 'said', 'said'],
    ['nothing', undefined, 'undefined was thrown'],
    ['null', null, 'null'],
    ['a number', Number.NaN, 'NaN'],
    ['a big number', 12n, '12'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['true', true, 'true'],
    ['an error without a text', new TypeError(''), 'TypeError'],
    ['an object', { code: 17 }, '{"code":17}'],
    ['an object that JSON leaves out', { toJSON() {} }, '[object Object]'],
    ['an error_message before a message', { message: 'b', error_message: 'a' }, 'a'],
    ['a message before an error', { error: 'b', message: 'a' }, 'a'],
    ['an error before a reason', { reason: 'b', error: 'a' }, 'a'],
    ['a reason', { reason: 'a' }, 'a'],
    ['an empty message', { message: '', reason: 'a' }, 'a'],
    ['a message that is no text', { message: 5, reason: 'a' }, 'a'],
    ['several errors', new AggregateError([new Error('a'), 'b', { message: 'c' }, 'd']), 'a; b; c'],
  ])('%s', (_, thrown, text) => {
    expect(thrownText(thrown)).toBe(text);
  });

  it('is as much as an error text reads', () => {
    expect(thrownText('x'.repeat(100_000))).toBe('x'.repeat(32_768));
  });
});

describe('the class of what was thrown', () => {
  class Quota extends Error {}
  const named = (name: unknown) => Object.assign(new Error('x'), { name });

  it.each([
    ['its name', named('Custom'), 'Custom'],
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
});
