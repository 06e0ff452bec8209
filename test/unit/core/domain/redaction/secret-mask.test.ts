import { expect, it } from 'vitest';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';

it('masks each spelling of a secret, wherever it stands', () => {
  const mask = new SecretMask(['p"ss wört?', 'plain-secret']);
  expect(mask.apply('a plain-secretplain-secret b')).toBe('a ****** b');
  expect(mask.apply(JSON.stringify({ key: 'p"ss wört?' }))).toBe('{"key":"***"}');
  expect(mask.apply(`https://host/?q=${encodeURIComponent('p"ss wört?')}&x=1`)).toBe('https://host/?q=***&x=1');
});

it('leaves texts alone when there is no secret, or none of at least six characters', () => {
  expect(new SecretMask([]).apply('abc')).toBe('abc');
  expect(new SecretMask(['', 'abcde']).apply('abcde')).toBe('abcde');
});

it('masks the longer one of two secrets that begin alike', () => {
  expect(new SecretMask(['secret', 'secret-and-more']).apply('secret-and-more')).toBe('***');
});

it('never lets a cut divide a secret', () => {
  const mask = new SecretMask(['0123456789']);
  const text = `${'a'.repeat(20)}0123456789${'b'.repeat(20)}`;
  for (let at = 1; at < 40; at += 1) {
    const cut = mask.cutBefore(text, at);
    expect(cut > 20 && cut < 30).toBe(false);
    expect(cut).toBeLessThanOrEqual(at);
  }
  expect(mask.cutBefore(text.slice(20), 5)).toBe(10);
});

it('masks the beginning of a secret whose rest was dropped', () => {
  const mask = new SecretMask(['topsecret-value']);
  expect(mask.applyTorn('password is topsecret-va')).toBe('password is ***');
  expect(mask.applyTorn('password is topsecret-value')).toBe('password is ***');
  expect(mask.applyTorn('nothing to hide')).toBe('nothing to hide');
});
