import { describe, expect, test } from 'vitest';
import { ANY_WIDTH, fitText, type TextWidth } from '../../../../src/core/domain/fit-text.ts';

const varchar = (n: number, holds: TextWidth['holds'] = 'all') => ({ characters: n, bytes: n * 4, holds });

describe('a text that fits its column', () => {
  test('stays as it is when it fits, to the last character', () => {
    expect(fitText('abc', ANY_WIDTH)).toBe('abc');
    expect(fitText('a'.repeat(64), varchar(64))).toBe('a'.repeat(64));
    expect(fitText('😀'.repeat(64), varchar(64))).toBe('😀'.repeat(64));
    expect(fitText('', varchar(64))).toBe('');
  });

  test('is cut by characters in a VARCHAR, and the cut is shown', () => {
    const cut = fitText('x'.repeat(65), varchar(64));
    expect(cut).toBe(`${'x'.repeat(63)}…`);
    expect([...fitText('😀'.repeat(65), varchar(64))!]).toHaveLength(64);
  });

  test('is cut by bytes in a TEXT, never inside a character', () => {
    const tinytext: TextWidth = { characters: 255, bytes: 255, holds: 'all' };
    const cut = fitText('设'.repeat(100), tinytext)!;
    expect(cut).toBe(`${'设'.repeat(84)}…`);
    expect(new TextEncoder().encode(cut).length).toBe(255);
  });

  test('loses what the character set of the column lacks, not the rest', () => {
    expect(fitText('a 😀 设', varchar(64, 'bmp'))).toBe('a \ufffd 设');
    expect(fitText('a 😀 设…', varchar(64, 'ascii'))).toBe('a ? ?...');
    expect(fitText('é'.repeat(70), varchar(64, 'ascii'))).toBe(`${'?'.repeat(61)}...`);
  });

  test('of a column that is narrower than the mark of a cut is its beginning', () => {
    expect(fitText('poison: 3 workers', varchar(5))).toBe('poiso');
    expect(fitText('设备', { characters: 5, bytes: 4, holds: 'all' })).toBe('设');
  });

  test('of a column without any room is nothing', () => {
    expect(fitText('poison', varchar(0))).toBeNull();
  });
});
