import { expect, it } from 'vitest';
import { Seal } from '../../../../src/core/acts/seal.ts';

it('a seal opens what one of the same key and purpose has closed, and nothing else', () => {
  const [key, seal] = ['ab'.repeat(32), new Seal('ab'.repeat(32), 'one')];
  const text = seal.close({ a: [1] });
  const [body, signature] = text.split('.') as [string, string];
  expect(new Seal(key, 'one').open(text)).toEqual({ a: [1] });
  const others = [
    new Seal('cd'.repeat(32), 'one').close({ a: 1 }),
    new Seal(key, 'two').close({ a: 1 }),
    `${Buffer.from('{"a":2}').toString('base64url')}.${signature}`,
    ...[body, `${body}.`, `${text}.`, `${body}.${signature.slice(1)}`, ''],
  ];
  for (const one of others) expect(seal.open(one), one).toBeUndefined();
});
