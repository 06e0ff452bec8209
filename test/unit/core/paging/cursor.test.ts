import { describe, expect, it } from 'vitest';
import { CursorOf, isId } from '../../../../src/core/paging/cursor.ts';

describe('a cursor', () => {
  const list = (filter: object, name = 'tasks') => new CursorOf(name, filter, isId);

  it('comes back as the place that it was made of, whatever the order of the filter', () => {
    const text = list({ a: 1, b: 2 }).encode(12);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect([list({ b: 2, a: 1 }).decode(text), list({}).decode(undefined)]).toEqual([12, undefined]);
  });

  it.each([
    ['of another filter', list({ a: 2 }).encode(12), /another filter/],
    ['of another list', list({ a: 1 }, 'devices').encode(12), /another filter/],
    ['with a place that cannot be', list({ a: 1 }).encode('x' as never), /not valid/],
    ['that is no JSON', 'abc', /not valid/],
    ['that is another value', Buffer.from('{"a":1}').toString('base64url'), /not valid/],
  ])('%s is refused', (_, text, message) => {
    expect(() => list({ a: 1 }).decode(text)).toThrow(message);
  });

  it('is never at an id that none can have', () => {
    expect([0, -1, 1.5, Number.MAX_SAFE_INTEGER + 1, '1', null].filter(isId)).toEqual([]);
  });
});
