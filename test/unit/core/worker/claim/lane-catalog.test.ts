import { expect, test } from 'vitest';
import { LaneCatalog } from '../../../../../src/core/worker/claim/lane-catalog.ts';
import type { KnownLane } from '../../../../../src/core/worker/claim/lane-entry.ts';

const CAPABILITIES = { supported_tasks: ['plain', 'deep', 'other'] };

function lane(task_type: string, able: number | null, claim_rank = 5): KnownLane {
  return { lane: Buffer.from(task_type.padEnd(16)), claim_rank, task_type, required_capabilities: null, able };
}

/** A book in which all of these have due tasks. */
function bookOf(...lanes: KnownLane[]): LaneCatalog {
  const book = new LaneCatalog('w1', CAPABILITIES);
  book.learn(lanes, true);
  return book;
}

const names = (book: LaneCatalog) =>
  book
    .sources(4, { free: 1 })
    .map((one) => (one.kind === 'lane' ? `${one.lane.toString().trim()}/${one.claim_rank}` : one.kind));

/** A claim that got all it asked for from the first source. */
function claim(book: LaneCatalog): string {
  const [first] = book.sources(4, { free: 1 });
  book.noteYield(first!, false, [{ due_at: '2026-01-01', id: 1 }]);
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

test.each([
  [2, 1],
  [4, 1],
  [4, 2],
])('finding F14: nor when a claim is answered by %i scarce lanes of the same rank', (scarce, most) => {
  const types = Array.from({ length: scarce }, (_, n) => `deep${n}`);
  const book = new LaneCatalog('w1', { supported_tasks: ['plain', ...types] });
  book.learn([lane('plain', 9), ...types.map((type) => lane(type, 1))], true);
  let plain = 0;
  for (let n = 0; n < 80; n += 1) {
    for (const source of book.sources(scarce, { free: 1 })) {
      if (source.kind === 'lane' && source.lane.toString().startsWith('plain')) plain += 1;
      book.noteYield(
        source,
        false,
        Array.from({ length: most }, () => ({ due_at: '2026-01-01', id: 1 })),
      );
    }
    book.claimed();
  }
  expect(plain).toBe(10);
});

test('finding F14: a turn never leaves the best rank', () => {
  const book = bookOf(lane('plain', 9, 5), lane('deep', 1, 5), lane('other', 9, 7));
  const claims = Array.from({ length: 40 }, () => claim(book));
  expect(claims).not.toContain('other');
  expect(claims).toContain('plain');
});

test('finding F8: requirements that are not JSON are nobody’s to run, and no text at all asks for nothing', () => {
  const book = new LaneCatalog('w1', CAPABILITIES);
  expect(book.learn([{ ...lane('plain', 1), required_capabilities: 'chrome' }], true)).toBe(false);
  expect(book.sources(4, { free: 1 })).toEqual([]);
  expect(book.learn([{ ...lane('deep', 1), required_capabilities: '' }], true)).toBe(true);
});

/** A book of one lane whose last claim ended at this row. */
function marked(): LaneCatalog {
  const book = bookOf(lane('plain', 1));
  book.noteYield(book.sources(1, { free: 1 })[0]!, false, [{ due_at: '2026-01-01', id: 7 }]);
  return book;
}

test('a claim begins behind what others run, until nothing more is due there: then it begins at its own mark', () => {
  const book = marked();
  const [ahead] = book.sources(1, { free: 1 });
  expect(ahead).toMatchObject({ frontier: true, mark: { id: 7 } });
  book.noteYield(ahead!, true, [{ due_at: '2026-01-01', id: 90 }]);
  const [again] = book.sources(1, { free: 1 });
  expect(again).toMatchObject({ frontier: false, mark: { id: 7 } });
  book.noteYield(again!, true, []);
  expect(book.sources(1, { free: 1 })).toEqual([]);
});

test('finding F6: a probe that finds the row at which the claim began leaves the mark where it is', () => {
  const book = marked();
  const [source] = book.sources(1, { free: 1 });
  book.cursorChecked(source as never, { due_at: '2026-01-01', id: 7 }, 0, 1);
  expect(book.sources(1, { free: 1 })[0]).toMatchObject({ frontier: false, mark: { id: 7 } });
});

test('finding F7: a lane whose head waits for a free slot is not asked while there is none', () => {
  const book = marked();
  book.noteYield(book.sources(1, { free: 0 })[0]!, false, [], 0);
  expect(book.sources(1, { free: 0 })).toEqual([]);
  expect(book.sources(1, { free: 1 })).toHaveLength(1);
});
