import { describe, expect, it } from 'vitest';
import { CursorOf, isId } from '../../../../src/core/paging/cursor.ts';

describe('a cursor', () => {
  const list = (filter: object) => new CursorOf('tasks', filter, isId);

  it('comes back as the place that it was made of, whatever the order of the filter', () => {
    const text = list({ a: 1, b: 2 }).encode(12);
    expect(list({ b: 2, a: 1 }).decode(text)).toBe(12);
    expect(list({}).decode(undefined)).toBeUndefined();
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each([
    ['of another filter', list({ a: 2 }).encode(12), /another filter/],
    ['of another list', new CursorOf('devices', { a: 1 }, isId).encode(12), /another filter/],
    [
      'with a place that cannot be',
      new CursorOf('tasks', { a: 1 }, (_: unknown): _ is string => true).encode('x'),
      /not valid/,
    ],
    ['that is no JSON', 'abc', /not valid/],
    ['that is empty', '', /not valid/],
    ['that is another value', Buffer.from('{"a":1}').toString('base64url'), /not valid/],
  ])('%s is refused', (_, text, message) => {
    expect(() => list({ a: 1 }).decode(text)).toThrow(message);
  });

  it.each([0, -1, 1.5, Number.MAX_SAFE_INTEGER + 1, '1', null])('is never %s', (value) => {
    expect(isId(value)).toBe(false);
  });
});
