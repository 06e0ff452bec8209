import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { invalidRequest, oneOf } from '../../../src/gateway/server/invalid-request.ts';

const schema = z.strictObject({
  name: z.string().min(2),
  limit: z.int(),
  role: z.enum(['viewer', 'operator', 'admin']),
});

function said(body: unknown): string {
  return invalidRequest(schema.safeParse(body).error!.issues).message;
}

const GOOD = { name: 'bob', limit: 1, role: 'admin' };

describe('a request that is not valid', () => {
  test.each([
    ['what is missing', { name: 'bob', role: 'admin' }, 'limit is missing'],
    ['a number that is none', { ...GOOD, limit: Number.NaN }, 'limit must be a number'],
    ['a fraction', { ...GOOD, limit: 1.5 }, 'limit must be a whole number'],
    ['another type', { ...GOOD, name: 5 }, 'name must be a string'],
    ['a value that is none of them', { ...GOOD, role: 'root' }, 'role must be viewer, operator or admin'],
    ['unknown keys', { ...GOOD, 'a"b': 1, c: 2 }, 'it must not have "a\\"b", "c"'],
    ['no object', [], 'it must be an object'],
  ])('names %s', (_, body, expected) => {
    expect(said(body)).toBe(`The request is not valid: ${expected}.`);
  });

  test('is answered in a few lines when it has a thousand unknown keys of a kilobyte', () => {
    const keys = Array.from({ length: 1000 }, (_, n) => [`${n}${'x'.repeat(1024)}`, 1]);
    const text = said({ ...GOOD, ...Object.fromEntries(keys) });
    expect(text.length).toBeLessThan(500);
    expect(text).toMatch(/and 995 more\.$/);
  });
});

test('a list of choices reads as a sentence', () => {
  expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(oneOf)).toEqual(['', 'a', 'a or b', 'a, b or c']);
});
