import { describe, expect, it } from 'vitest';
import { Seal } from '../../../../src/core/acts/seal.ts';

const KEY = 'ab'.repeat(32);

describe('a seal', () => {
  const seal = new Seal(KEY, 'one');

  it('opens what it has closed, and what another of the same key and purpose has', () => {
    expect(new Seal(KEY, 'one').open(seal.close({ a: [1] }))).toEqual({ a: [1] });
  });

  it('opens nothing of another key or purpose, and nothing that was changed', () => {
    const text = seal.close({ a: 1 });
    const [body, signature] = text.split('.') as [string, string];
    const others = [
      new Seal('cd'.repeat(32), 'one').close({ a: 1 }),
      new Seal(KEY, 'two').close({ a: 1 }),
      `${Buffer.from('{"a":2}').toString('base64url')}.${signature}`,
      `${body}.`,
      body,
      `${text}.`,
      `${body}.${signature.slice(1)}`,
      '',
      '.',
    ];
    for (const one of others) expect(seal.open(one), one).toBeUndefined();
  });
});
