import { describe, expect, it } from 'vitest';
import { CsvError, parseCsv } from '../../../examples/appsflyer/handlers/csv.ts';

describe('parseCsv', () => {
  it('reads commas, doubled quotes and line breaks inside quotes', () => {
    expect(parseCsv('a,"b,c","d ""e"" f","g\r\nh"\n')).toEqual([['a', 'b,c', 'd "e" f', 'g\r\nh']]);
  });

  it.each([
    ['LF', 'a,b\nc,d\n'],
    ['CRLF', 'a,b\r\nc,d\r\n'],
    ['CR', 'a,b\rc,d\r'],
    ['no end of the last line', 'a,b\nc,d'],
    ['a byte order mark', '\ufeffa,b\nc,d\n'],
  ])('takes %s', (_, text) => {
    expect(parseCsv(text)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('keeps empty fields, also the last one and quoted ones', () => {
    expect(parseCsv(',a,\n"",,""\nx,')).toEqual([
      ['', 'a', ''],
      ['', '', ''],
      ['x', ''],
    ]);
  });

  it('gives an empty line one empty field, and empty text no record', () => {
    expect(parseCsv('a\n\nb')).toEqual([['a'], [''], ['b']]);
    expect(parseCsv('')).toEqual([]);
  });

  it.each([
    ['a quoted field does not end', 'a\n"b\n', 2],
    ['text after a closing quote', '"a\n"b,c', 1],
    ['a quote inside an unquoted field', 'x\ny,a"b', 2],
  ])('refuses what is not CSV: %s', (message, text, line) => {
    expect(() => parseCsv(text)).toThrow(new CsvError(message, line));
  });
});
