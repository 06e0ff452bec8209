import { expect, test } from 'vitest';
import { LaneBook } from '../../../../src/core/worker/lane-book.ts';
import type { KnownLane } from '../../../../src/core/worker/lane-page.ts';

const CAPABILITIES = { supported_tasks: ['plain', 'deep', 'other'] };

function lane(task_type: string, able: number | null, claim_rank = 5): KnownLane {
  return { lane: Buffer.from(task_type.padEnd(16)), claim_rank, task_type, required_capabilities: null, able };
}

/** A book in which all of these have due tasks. */
function bookOf(...lanes: KnownLane[]): LaneBook {
  const book = new LaneBook('w1', CAPABILITIES);
  book.learn(lanes, true);
  return book;
}

const names = (book: LaneBook) =>
  book
    .sources(4, { free: 1 })
    .map((one) => (one.kind === 'lane' ? `${one.lane.toString().trim()}/${one.claim_rank}` : one.kind));

/** A claim that got all it asked for from the first source. */
function claim(book: LaneBook): string {
  const [first] = book.sources(4, { free: 1 });
  book.taken(first!, false, [{ due_at: '2026-01-01', id: 1 }]);
  book.claimed();
  return first?.kind === 'lane' ? first.lane.toString().trim() : 'directed';
}

test('what fewer devices can run comes first, within one rank', () => {
  const book = bookOf(lane('plain', 4), lane('deep', 1), lane('other', 2, 4));
  expect(names(book)).toEqual(['other/4', 'deep/5', 'plain/5']);
});

test('directed tasks come before all lanes', () => {
  const book = bookOf(lane('deep', 1));
  book.markDue([], true);
  expect(names(book)).toEqual(['directed', 'deep/5']);
});

test('a count that changes is obeyed; one that is not known comes last', () => {
  const book = bookOf(lane('plain', 4), lane('deep', 1), lane('other', null));
  expect(names(book)).toEqual(['deep/5', 'plain/5', 'other/5']);
  book.learn([lane('deep', 9), lane('other', 2)]);
  expect(names(book)).toEqual(['other/5', 'plain/5', 'deep/5']);
});

test('lanes that as many can run take turns', () => {
  const book = bookOf(lane('plain', 2), lane('deep', 2));
  expect([claim(book), claim(book), claim(book), claim(book)].sort()).toEqual(['deep', 'deep', 'plain', 'plain']);
});

test('a lane that many can run is not left for ever by one who always has scarcer work', () => {
  const book = bookOf(lane('plain', 9), lane('deep', 1));
  const claims = Array.from({ length: 80 }, () => claim(book));
  expect(claims.filter((one) => one === 'plain')).toHaveLength(10);
});
