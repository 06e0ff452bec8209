import { expect, it } from 'vitest';
import { decodeLines, encodeLines, type LogLine, streamOf } from '../../../../../src/core/domain/run-log/log-line.ts';

const LINES: LogLine[] = [
  { at: 1_800_000_000_000, source: 'stdout', text: 'first' },
  { at: 1_800_000_000_000, source: 'stderr', text: ' with blanks  and\ttabs' },
  { at: 1_799_999_999_990, source: 'error', text: 'ä€😀' },
  { at: 1_800_000_100_000, source: 'afd', text: 'x' },
];

it('reads what it wrote, also where the clock was set back', () => {
  expect(decodeLines(encodeLines(LINES))).toEqual(LINES);
  expect(decodeLines('')).toEqual([]);
});

it.each(['x', 'zz\n', '1 ?text\n', ' otext\n'])('refuses what it did not write: %j', (text) => {
  if (text === 'x') expect(decodeLines(text)).toEqual([]);
  else expect(() => decodeLines(text)).toThrow('cannot be read');
});

it('counts every level of ctx.log as one stream', () => {
  expect((['stdout', 'stderr', 'debug', 'error', 'afd'] as const).map(streamOf)).toEqual([
    'stdout',
    'stderr',
    'log',
    'log',
    'afd',
  ]);
});
