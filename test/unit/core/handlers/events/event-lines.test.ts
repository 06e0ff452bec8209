import { expect, it } from 'vitest';
import { EVENT_BYTES, EventLines } from '../../../../../src/core/handlers/events/event-lines.ts';

/** What comes of these chunks. */
function linesOf(chunks: Buffer[]): string[] {
  const found: string[] = [];
  const lines = new EventLines({
    line: (bytes) => found.push(bytes.toString('latin1')),
    tooLong: (head, bytes) => found.push(`${bytes}: ${head.toString('latin1')}`),
  });
  for (const chunk of chunks) lines.push(chunk);
  lines.end();
  return found;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

it('finds the same lines however they are cut', () => {
  const text = Buffer.from('{"a":1}\n\n\nschön\nx\n{"last":"without a newline"}');
  for (let size = 1; size <= text.length; size += 1) {
    expect(linesOf(cut(text, size))).toEqual([
      ...['{"a":1}', Buffer.from('schön').toString('latin1'), 'x', '{"last":"without a newline"}'],
    ]);
  }
});

it('takes a line of the largest size, and of a longer one its beginning and its size', () => {
  const largest = 'x'.repeat(EVENT_BYTES);
  const longer = `{"type":"result"${largest}`;
  const head = longer.slice(0, 512);
  for (const size of [1000, EVENT_BYTES - 1, EVENT_BYTES, EVENT_BYTES * 5]) {
    const found = linesOf(cut(Buffer.from(`a\n${largest}\nb\n${longer}\nc\n${longer}`), size));
    expect(found.map((one) => one.length)).toEqual([1, EVENT_BYTES, 1, 512 + 9, 1, 512 + 9]);
    expect(found[3]).toBe(`${longer.length}: ${head}`);
    expect([found[0], found[2], found[4]]).toEqual(['a', 'b', 'c']);
  }
});

it('keeps a copy of a line that is not complete: the chunk may be used again', () => {
  const found: string[] = [];
  const lines = new EventLines({ line: (bytes) => found.push(bytes.toString()), tooLong: () => {} });
  const chunk = Buffer.from('a\nbc');
  lines.push(chunk);
  chunk.fill('x');
  lines.push(Buffer.from('d\n'));
  expect(found).toEqual(['a', 'bcd']);
});
