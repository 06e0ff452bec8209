import { expect, it, vi } from 'vitest';
import { errorClass, errorText } from '../../../../src/core/domain/error-text.ts';
import { thrownText } from '../../../../src/core/domain/thrown-text.ts';

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
