import { describe, expect, it } from 'vitest';
import { CsvError, parseCsv } from '../../../examples/appsflyer/handlers/csv.ts';

describe('parseCsv', () => {
  it.each([
    ['doubled quotes and line breaks inside quotes', 'a,"b,c","d ""e"" f","g\r\nh"\n', 'a b,c d "e" f g\r\nh'],
    ['CRLF and a byte order mark', '\ufeffa,b\r\nc\r\n', 'a b|c'],
    ['CR, and no end of the last line', 'a,b\rc', 'a b|c'],
    ['empty fields, also the last one and quoted ones', ',a,\n"",,""\n', ' a |  '],
    ['an empty line', 'a\n\nb', 'a||b'],
    ['empty text', '', ''],
  ])('takes %s', (_, text, records) => {
    expect(
      parseCsv(text)
        .map((record) => record.join(' '))
        .join('|'),
    ).toBe(records);
  });

  it.each([
    ['a quoted field does not end', 'a\n"b\n', 2],
    ['text after a closing quote', '"a\n"b,c', 1],
    ['a quote inside an unquoted field', 'x\ny,a"b', 2],
  ])('refuses what is not CSV: %s', (message, text, line) => {
    expect(() => parseCsv(text)).toThrow(new CsvError(message, line));
  });
});
