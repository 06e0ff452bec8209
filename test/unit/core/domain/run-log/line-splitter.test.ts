import { expect, it } from 'vitest';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';
import { LINE_LENGTH, LineSplitter } from '../../../../../src/core/domain/run-log/line-splitter.ts';

function splitter(...secrets: string[]) {
  const lines = new LineSplitter(new SecretMask(secrets));
  const split = (text: string | Buffer, source: 'stdout' | 'stderr' = 'stdout') =>
    lines.split({ source, at: 1, content: Buffer.from(text as string) }).map((one) => one.text);
  return { lines, split };
}

it('joins a line that comes in parts, each stream for itself', () => {
  const { split, lines } = splitter();
  expect(split('ab')).toEqual([]);
  expect(split('other\n', 'stderr')).toEqual(['other']);
  expect(split('c\r')).toEqual([]);
  expect(split('\nd')).toEqual(['abc']);
  expect(lines.end().map((one) => one.text)).toEqual(['d']);
});

it('joins a character that comes in parts, and replaces bytes that are none', () => {
  const { split } = splitter();
  const euro = Buffer.from('€');
  expect(split(euro.subarray(0, 1))).toEqual([]);
  expect(split(Buffer.concat([euro.subarray(1), Buffer.from([0xff, 0x0a])]))).toEqual(['€\ufffd']);
});

it('makes terminal sequences and control characters harmless', () => {
  const { split } = splitter();
  expect(split('\u001b[31mred\u001b[0m \u0007bell\u0000\n')).toEqual(['red bell']);
  expect(split('10 %\r50 %\r100 %\n')).toEqual(['10 %', '50 %', '100 %']);
});

it('cuts a long line between characters, and never a secret', () => {
  const secret = 'the-password-of-somebody';
  const { split } = splitter(secret);
  for (let before = LINE_LENGTH - 30; before <= LINE_LENGTH + 5; before += 1) {
    const shown = split(`${'x'.repeat(before)}${secret}${'y'.repeat(LINE_LENGTH)}\n`).join('');
    expect(shown).toContain('***');
    expect(shown).not.toMatch(/password|somebody|the-pass/);
  }
  const emoji = split(`${'😀'.repeat(LINE_LENGTH)}\n`);
  expect(emoji.length).toBeGreaterThan(1);
  expect(emoji.join('')).not.toContain('\ufffd');
});

it('masks a secret that comes in parts', () => {
  const { split } = splitter('topsecret-value');
  split('key: topsec');
  expect(split('ret-value!\n')).toEqual(['key: ***!']);
});

it('masks the password of an address', () => {
  const { split } = splitter();
  expect(split('mysql://crawler:hunter22@db/crawl\n')).toEqual(['mysql://crawler:***@db/crawl']);
});

it('keeps nothing of a line whose beginning was dropped, and no beginning of a secret whose end was', () => {
  const { split, lines } = splitter('topsecret-value');
  split('key: topsecret-');
  expect(lines.gap().map((one) => one.text)).toEqual(['key: ***…']);
  expect(split('value is the rest\nnext\n')).toEqual(['next']);
});

it('takes whole lines as they are, apart at their newlines', () => {
  const { lines } = splitter('topsecret-value');
  const content = 'message with topsecret-value\n    at the place';
  expect(lines.split({ source: 'error', at: 5, content })).toEqual([
    { at: 5, source: 'error', text: 'message with ***' },
    { at: 5, source: 'error', text: '    at the place' },
  ]);
});
