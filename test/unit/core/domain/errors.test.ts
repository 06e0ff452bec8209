// What afd says when something fails: its errors, and any text as it may be stored.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../../../src/core/domain/errors.ts';
import { cleanText, errorClass, errorText, truncateBytes } from '../../../../src/core/domain/text/error-text.ts';

describe('an error of afd', () => {
  it('has the exit code of its code, and what it was given', () => {
    const cause = new Error('why');
    const error = new AfdError('E_NOT_FOUND', 'no task', {
      suggestions: ['afd tasks ls'],
      data: { task_id: 1 },
      cause,
    });
    expect(error).toMatchObject({
      ...{ name: 'AfdError', code: 'E_NOT_FOUND', exitCode: 3, message: 'no task', cause },
      ...{ suggestions: ['afd tasks ls'], data: { task_id: 1 } },
    });
    const plain = new AfdError('E_INTERNAL', 'bug');
    expect([plain.exitCode, plain.suggestions, plain.data]).toEqual([1, [], {}]);
    expect(Object.hasOwn(plain, 'cause')).toBe(false);
  });

  it('exits as the page of errors says', () => {
    const page = readFileSync(new URL('../../../../docs/reference/errors.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(E_\w+)` \| (\d+) \|/gm)].map(([, code, exit]) => [code, Number(exit)]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(Object.keys(ERROR_CODES).map((code) => [code, new AfdError(code as ErrorCode, 'x').exitCode])),
    );
  });
});

describe('an error text', () => {
  it('keeps its lines, and loses what a terminal obeys and what no column holds', () => {
    expect(cleanText('a\u001b[31;1mb\u001b[0m\r\nc\rd\te\u0000\u009bf\ud800')).toBe('ab\nc\nd\tef\ufffd');
    expect(cleanText('\u001b[?25l\u001b[2 q\u001b[1;2Hx')).toBe('x');
    expect(cleanText('[31m stays')).toBe('[31m stays');
  });

  it('is cut to bytes, never inside a character, and shows it', () => {
    expect(truncateBytes('abcdef', 6)).toBe('abcdef');
    expect(truncateBytes('abcdefg', 6)).toBe('abc…');
    expect(truncateBytes('错错错', 9)).toBe('错错错');
    expect(truncateBytes('错错错错', 9)).toBe('错错…');
    expect(truncateBytes('错错错错', 10)).toBe('错错…');
    expect(truncateBytes('a错错错', 9)).toBe('a错…');
    expect(truncateBytes('😀😀', 4)).toBe('…');
  });

  it('is never empty, and never longer than 8 KB', () => {
    expect(errorText('  \u0000 ')).toBe('no message');
    expect(errorText('', 'nothing')).toBe('nothing');
    expect(errorText('  said  ')).toBe('said');
    expect(errorText('x'.repeat(8192))).toBe('x'.repeat(8192));
    expect(errorText('x'.repeat(8193))).toBe(`${'x'.repeat(8189)}…`);
    // Control characters are skipped as far as four times the bound.
    expect(errorText(`${'\u0000'.repeat(4 * 8192 - 3)}abcdef`)).toBe('abc');
  });

  it('has a class of 64 plain characters', () => {
    expect(errorClass('Type.Error:x-1')).toBe('Type.Error:x-1');
    expect(errorClass('a b  c')).toBe('a_b_c');
    expect([errorClass(''), errorClass(5), errorClass(undefined, 'None')]).toEqual(['Error', 'Error', 'None']);
    expect(errorClass('x'.repeat(65))).toBe('x'.repeat(64));
    expect(errorClass(`${' '.repeat(255)}abc`)).toBe('_a');
  });
});
