import { describe, expect, it } from 'vitest';
import { redact, redactBeginning, redactText } from '../../../../../src/core/domain/redaction/redact.ts';
import { createLog } from '../../../../../src/core/log/log.ts';

const MB = 1024 * 1024;

/** Characters that were read one by one. */
function reads(work: () => void): number {
  const real = String.prototype.charCodeAt;
  let count = 0;
  String.prototype.charCodeAt = function (at) {
    count += 1;
    return real.call(this, at);
  };
  try {
    work();
  } finally {
    String.prototype.charCodeAt = real;
  }
  return count;
}

function logged(message: string, fields: Record<string, unknown> = {}): string {
  let written = '';
  const log = createLog({ level: 'info', format: 'text', stream: { write: (line) => (written += line) } });
  log.info(message, fields);
  return written;
}

describe('finding S1: secrets are looked for in one pass', () => {
  it.each([
    ...['a.', 'a-', 'a://b:', 'a://b: ', 'x@', '://', ':'],
    ...['a://', 'a://b:c@', '@ a://b:', 'a://b ', '\u0001', '€'],
  ])('over a megabyte of %j', (worst) => {
    const text = worst.repeat(MB / worst.length);
    expect(reads(() => redactText(text))).toBeLessThan(3 * text.length);
  });

  it.each<[string, string]>([
    ['one://a:p@h two://b:q@h,three://c:r@h', 'one://a:***@h two://b:***@h'],
    ['mysql://:secret@h ://u:secret@h A+B://u:\tx@h', 'mysql://:***@h ://u:***@h A+B://u:\tx@h'],
    ['https://example.com:8080/a@b c', 'https://example.com:***@b c'],
    ...['a://b:@h', 'mail@example.com', 'x://y', '://', ''].map((plain): [string, string] => [plain, plain]),
  ])('and found wherever they are: %s', (text, shown) => {
    const page = 'a.'.repeat(5000);
    expect(redactText(`${page} ${text} ${page}`)).toBe(`${page} ${shown} ${page}`);
    expect(redactText(text)).toBe(shown);
  });

  it.each([20, 25, 30])('a password on which a text is cut is not shown: %i', (cut) => {
    const shown = redactBeginning('at mysql://afd:hunter2hunter2@db/afd', cut);
    expect(shown).not.toContain('hunter');
    expect(shown).toContain(`(${36 - cut} more characters)`);
  });
});

describe('finding S1: a log line has a bounded cost', () => {
  it('whose message and fields are a megabyte each', () => {
    const text = 'a://b:'.repeat(MB / 6);
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`f${n}`, text]));
    let line = '';
    expect(reads(() => (line = logged(text, fields)))).toBeLessThan(1_500_000);
    expect(line.length).toBeLessThan(600_000);
  });

  it('it has the beginning of a long text, and says how much is missing', () => {
    const line = logged('y'.repeat(10_000), { short: 'z'.repeat(8192) });
    expect(line).toContain(`${'y'.repeat(8192)}… (1808 more characters) short=${'z'.repeat(8192)}\n`);
    expect(redactBeginning('ab😀😀', 3)).toBe('ab… (4 more characters)');
  });

  it('a list and an object of many are cut, with a note', () => {
    expect(logged('x', { list: Array(5000).fill(1) })).toContain('"… (4001 more)"');
    expect(logged('x', Object.fromEntries(Array(5000).entries()))).toContain('…="(4000 more)"');
    expect(logged('x', { bytes: Buffer.alloc(MB) })).toContain('[1048576 bytes]');
  });
});

describe('what is nested', () => {
  const nested = (depth: number, value: unknown): unknown => (depth === 0 ? value : { in: nested(depth - 1, value) });

  it('finding S9: too deep is not shown, rather than shown with its secrets', () => {
    const shown = (depth: number) => JSON.stringify(redact(nested(depth, { password: 'hunter2', url: 'a://b:p@c' })));
    expect(shown(8)).toContain('{"password":"***","url":"a://b:***@c"}');
    expect(shown(9)).toMatch(/"\[deeper\]"\}+$/);
  });

  it('in itself is named', () => {
    const own: Record<string, unknown> = { a: 1 };
    own.own = own;
    expect(redact({ own, twice: [own.a, own.a] })).toEqual({ own: { a: 1, own: '[circular]' }, twice: [1, 1] });
  });

  it('keeps odd keys, and times', () => {
    const odd = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}');
    expect(JSON.stringify(redact(odd))).toBe('{"__proto__":{"x":1},"constructor":2}');
    const times = { at: new Date(0), never: new Date(Number.NaN) };
    expect(redact(times)).toEqual({ at: '1970-01-01T00:00:00.000Z', never: null });
    const names = redact({ 'a://b:hunter2@c': 1, ['k'.repeat(300)]: 'hunter2' });
    expect(JSON.stringify(names)).not.toContain('hunter2');
  });
});
