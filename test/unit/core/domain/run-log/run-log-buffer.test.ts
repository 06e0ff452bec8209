import { expect, it } from 'vitest';
import { quotaOf, RunLogBuffer } from '../../../../../src/core/domain/run-log/run-log-buffer.ts';

const text = (buffer: RunLogBuffer) => buffer.take().map((one) => `${one.from}:${one.content}`);

it('keeps the beginning and the newest, and shows by its offsets what is missing', () => {
  const buffer = new RunLogBuffer({ head: 4, tail: 6 });
  for (const part of ['abc', 'def', 'ghi', 'jkl', 'mno']) buffer.add('stdout', Buffer.from(part), 0);
  expect(buffer.total).toBe(15);
  expect(text(buffer)).toEqual(['0:abc', '3:d', '9:jkl', '12:mno']);
  expect(text(buffer)).toEqual([]);
});

it('cuts a single block that is larger than the quota', () => {
  const buffer = new RunLogBuffer({ head: 2, tail: 3 });
  buffer.add('stdout', Buffer.from('0123456789'), 0);
  expect(text(buffer)).toEqual(['0:01', '7:789']);
});

it('holds a bounded amount of memory, whatever comes', () => {
  const buffer = new RunLogBuffer(quotaOf(65_536));
  const block = Buffer.alloc(65_536, 'x');
  for (let n = 0; n < 10_000; n += 1) buffer.add('stdout', block.subarray(0, n % 2 === 0 ? 100 : 65_536), 0);
  expect(buffer.waiting).toBeLessThanOrEqual(65_536);
  const held = buffer.take().reduce((sum, one) => sum + (one.content as Buffer).buffer.byteLength, 0);
  expect(held).toBeLessThan(65_536 * 3);
});

it('gives its newest when it is asked for memory, but not its beginning', () => {
  const buffer = new RunLogBuffer({ head: 2, tail: 10 });
  for (const part of ['ab', 'cd', 'ef']) buffer.add('stdout', Buffer.from(part), 0);
  buffer.shorten(2);
  expect(text(buffer)).toEqual(['0:ab', '4:ef']);
});

it('takes whole lines between bytes, and cuts one that is longer than the quota', () => {
  const buffer = new RunLogBuffer({ head: 4, tail: 8 });
  buffer.add('stdout', Buffer.from('ab'), 0);
  buffer.addText('info', 'line', 0);
  buffer.addText('info', '0123456789', 0);
  expect(buffer.total).toBe(2 + 5 + 9);
  expect(text(buffer)).toEqual(['0:ab', '2:line']);
  buffer.addText('info', '012345', 0);
  expect(text(buffer)).toEqual(['16:012345']);
});
