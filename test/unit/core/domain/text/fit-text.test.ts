import { describe, expect, test } from 'vitest';
import { ANY_WIDTH, fitText, type TextWidth } from '../../../../../src/core/domain/text/fit-text.ts';

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

  test('shows its cut from eight characters and bytes on', () => {
    const text = 'abcdefghij';
    expect(fitText(text, { characters: 8, bytes: 99, holds: 'all' })).toBe('abcdefg…');
    expect(fitText(text, { characters: 7, bytes: 99, holds: 'all' })).toBe('abcdefg');
    expect(fitText(text, { characters: 99, bytes: 8, holds: 'all' })).toBe('abcde…');
    expect(fitText(text, { characters: 99, bytes: 7, holds: 'all' })).toBe('abcdefg');
  });

  test.each([
    ['\u007f', 1],
    ['\u0080', 2],
    ['\u07ff', 2],
    ['\u0800', 3],
    ['\uffff', 3],
    ['\u{10000}', 4],
  ])('counts %j as the %i bytes that it has', (character, bytes) => {
    const two = character.repeat(2);
    expect(fitText(two, { characters: 2, bytes: 2 * bytes, holds: 'all' })).toBe(two);
    expect(fitText(two, { characters: 2, bytes: 2 * bytes - 1, holds: 'all' })).toBe(character);
  });

  test('of a column without any room is nothing; with room for one it is one', () => {
    expect(fitText('poison', varchar(0))).toBeNull();
    expect(fitText('poison', { characters: 0, bytes: 9, holds: 'all' })).toBeNull();
    expect(fitText('poison', { characters: 9, bytes: 0, holds: 'all' })).toBeNull();
    expect(fitText('poison', { characters: 1, bytes: 1, holds: 'all' })).toBe('p');
  });

  test('fits whatever afd says when nothing is known of the column', () => {
    expect(fitText('😀'.repeat(16_383), ANY_WIDTH)).toBe('😀'.repeat(16_383));
    expect(fitText('x'.repeat(65_535), ANY_WIDTH)).toBe('x'.repeat(65_535));
    expect(fitText('x'.repeat(65_536), ANY_WIDTH)).toBe(`${'x'.repeat(65_532)}…`);
  });
});
