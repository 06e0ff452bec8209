// The output of an attempt, from bytes to the lines that are stored.
import { describe, expect, it } from 'vitest';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';
import { LINE_LENGTH, LineSplitter } from '../../../../../src/core/domain/run-log/line-splitter.ts';
import { decodeLines, encodeLines, type LogLine, streamOf } from '../../../../../src/core/domain/run-log/log-line.ts';
import { quotaOf, RunLogBuffer } from '../../../../../src/core/domain/run-log/run-log-buffer.ts';

describe('what waits to be written', () => {
  const taken = (buffer: RunLogBuffer) => buffer.take().map((one) => `${one.from}:${one.content}`);
  const filled = (head: number, tail: number, ...parts: string[]) => {
    const buffer = new RunLogBuffer({ head, tail });
    for (const part of parts) buffer.add('stdout', Buffer.from(part), 0);
    return buffer;
  };

  it('is the beginning and the newest; offsets show what is missing', () => {
    const buffer = filled(4, 6, 'abc', 'def', 'ghi', 'jkl', 'mno');
    expect(buffer.total).toBe(15);
    expect(taken(buffer)).toEqual(['0:abc', '3:d', '9:jkl', '12:mno']);
    expect(taken(buffer)).toEqual([]);
    expect(taken(filled(2, 3, '0123456789'))).toEqual(['0:01', '7:789']);
  });

  it('is a bounded amount of memory, whatever comes', () => {
    const buffer = new RunLogBuffer(quotaOf(65_536));
    const block = Buffer.alloc(65_536, 'x');
    for (let n = 0; n < 10_000; n += 1) buffer.add('stdout', block.subarray(0, n % 2 === 0 ? 100 : 65_536), 0);
    expect(buffer.waiting).toBeLessThanOrEqual(65_536);
    const held = buffer.take().reduce((sum, one) => sum + (one.content as Buffer).buffer.byteLength, 0);
    expect(held).toBeLessThan(65_536 * 3);
  });

  it('gives its newest when it is asked for memory, but not its beginning', () => {
    const buffer = filled(2, 10, 'ab', 'cd', 'ef');
    buffer.shorten(2);
    expect(taken(buffer)).toEqual(['0:ab', '4:ef']);
  });

  it('takes whole lines between bytes, and cuts one that is longer than the quota', () => {
    const buffer = filled(4, 8, 'ab');
    buffer.addText('info', 'line', 0);
    buffer.addText('info', '0123456789', 0);
    expect(buffer.total).toBe(2 + 5 + 9);
    expect(taken(buffer)).toEqual(['0:ab', '2:line']);
    buffer.addText('info', '012345', 0);
    expect(taken(buffer)).toEqual(['16:012345']);
  });
});

describe('lines', () => {
  function splitter(...secrets: string[]) {
    const lines = new LineSplitter(new SecretMask(secrets));
    const split = (text: string | Buffer, source: 'stdout' | 'stderr' = 'stdout') =>
      lines.split({ source, at: 1, content: Buffer.from(text as string) }).map((one) => one.text);
    return { lines, split };
  }

  it('and characters come in parts, each stream for itself; bytes that are none are replaced', () => {
    const { split, lines } = splitter();
    const euro = Buffer.from('€');
    expect(split(Buffer.concat([Buffer.from('ab'), euro.subarray(0, 1)]))).toEqual([]);
    expect(split('other\n', 'stderr')).toEqual(['other']);
    expect(split(Buffer.concat([euro.subarray(1), Buffer.from([0xff, 0x0d])]))).toEqual([]);
    expect(split('\nd')).toEqual(['ab€\ufffd']);
    expect(lines.end().map((one) => one.text)).toEqual(['d']);
  });

  it('have no terminal sequences, no control characters and no passwords', () => {
    const { split } = splitter('topsecret-value');
    expect(split('\u001b[31mred\u001b[0m \u0007bell\u0000\n')).toEqual(['red bell']);
    expect(split('10 %\r50 %\r100 %\n')).toEqual(['10 %', '50 %', '100 %']);
    expect(split('mysql://crawler:hunter22@db/crawl\n')).toEqual(['mysql://crawler:***@db/crawl']);
    split('key: topsec');
    expect(split('ret-value!\n')).toEqual(['key: ***!']);
  });

  it('that are long are cut between characters, and never in a secret', () => {
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

  it('whose beginning was dropped leave nothing, and no beginning of a secret whose end was dropped', () => {
    const { split, lines } = splitter('topsecret-value');
    split('key: topsecret-');
    expect(lines.gap().map((one) => one.text)).toEqual(['key: ***…']);
    expect(split('value is the rest\nnext\n')).toEqual(['next']);
  });

  it('that come whole are taken as they are, apart at their newlines', () => {
    const content = 'message with topsecret-value\n    at the place';
    expect(splitter('topsecret-value').lines.split({ source: 'error', at: 5, content })).toEqual([
      { at: 5, source: 'error', text: 'message with ***' },
      { at: 5, source: 'error', text: '    at the place' },
    ]);
  });
});

describe('a stored piece', () => {
  it('is read as it was written, also where the clock was set back', () => {
    const lines: LogLine[] = [
      { at: 1_800_000_000_000, source: 'stdout', text: 'first' },
      { at: 1_800_000_000_000, source: 'stderr', text: ' with blanks  and\ttabs' },
      { at: 1_799_999_999_990, source: 'error', text: 'ä€😀' },
      { at: 1_800_000_100_000, source: 'afd', text: 'x' },
    ];
    expect(decodeLines(encodeLines(lines))).toEqual(lines);
    expect(decodeLines('x')).toEqual([]);
    // Every level of ctx.log is of one stream.
    const streams = (['stdout', 'stderr', 'debug', 'error', 'afd'] as const).map(streamOf);
    expect(streams).toEqual(['stdout', 'stderr', 'log', 'log', 'afd']);
  });

  it.each(['zz\n', '1 ?text\n', ' otext\n'])('is refused where it was not written so: %j', (text) => {
    expect(() => decodeLines(text)).toThrow('a stored piece of a run log cannot be read');
  });
});
