import { expect, test } from 'vitest';
import type { KnownLane } from '../../../../../src/core/domain/lane.ts';
import { LaneCatalog } from '../../../../../src/core/worker/claim/lane-catalog.ts';
import { LaneCursor } from '../../../../../src/core/worker/claim/lane-cursor.ts';

const CAPABILITIES = { supported_tasks: ['plain', 'deep', 'other'] };

function lane(task_type: string, able: number | null, claim_rank = 5): KnownLane {
  return { lane: Buffer.from(task_type.padEnd(16)), claim_rank, task_type, required_capabilities: null, able };
}

/** A catalog in which all of these have due tasks. */
function bookOf(...lanes: KnownLane[]): LaneCatalog {
  const catalog = new LaneCatalog('w1', CAPABILITIES);
  catalog.learn(lanes, true);
  return catalog;
}

const names = (catalog: LaneCatalog) =>
  catalog
    .sources(4, { free: 1 })
    .map((one) => (one.kind === 'lane' ? `${one.lane.toString().trim()}/${one.claim_rank}` : one.kind));

/** A claim that got all it asked for from the first source. */
function claim(catalog: LaneCatalog): string {
  const [first] = catalog.sources(4, { free: 1 });
  catalog.noteYield(first!, false, [{ due_at: '2026-01-01', id: 1 }]);
  catalog.claimed();
  return first?.kind === 'lane' ? first.lane.toString().trim() : 'directed';
}

test('directed tasks come first, then ranks; within one rank what fewer devices can run, and last what nobody counted', () => {
  const catalog = bookOf(lane('plain', 4), lane('deep', 1), lane('other', null));
  expect(names(catalog)).toEqual(['deep/5', 'plain/5', 'other/5']);
  catalog.learn([lane('deep', 9), lane('other', 2)]);
  expect(names(catalog)).toEqual(['other/5', 'plain/5', 'deep/5']);
  catalog.learn([lane('deep', 9, 4)], true);
  catalog.markDue([], true);
  expect(names(catalog)).toEqual(['directed', 'deep/4', 'other/5', 'plain/5', 'deep/5']);
});

test('finding F14: a lane that many can run is not left for ever, also when scarce ones answer a claim together', () => {
  const types = ['deep0', 'deep1', 'deep2', 'deep3'];
  const catalog = new LaneCatalog('w1', { supported_tasks: ['plain', ...types] });
  catalog.learn([lane('plain', 9), ...types.map((type) => lane(type, 1))], true);
  let plain = 0;
  for (let n = 0; n < 80; n += 1) {
    for (const source of catalog.sources(4, { free: 1 })) {
      if (catalog.typeOf(source) === 'plain') plain += 1;
      catalog.noteYield(source, false, Array(2).fill({ due_at: '2026-01-01', id: 1 }));
    }
    catalog.claimed();
  }
  expect(plain).toBe(10);
});

test('finding F14: a turn never leaves the best rank', () => {
  const catalog = bookOf(lane('plain', 9, 5), lane('deep', 1, 5), lane('other', 9, 7));
  const claims = Array.from({ length: 40 }, () => claim(catalog));
  expect(claims).not.toContain('other');
  expect(claims).toContain('plain');
});

test('finding F8: requirements that are not JSON are nobody’s to run, and no text at all asks for nothing', () => {
  const catalog = new LaneCatalog('w1', CAPABILITIES);
  expect(catalog.learn([{ ...lane('plain', 1), required_capabilities: 'chrome' }], true)).toBe(false);
  expect(catalog.sources(4, { free: 1 })).toEqual([]);
  expect(catalog.learn([{ ...lane('deep', 1), required_capabilities: '' }], true)).toBe(true);
});

/** A catalog of one lane whose last claim ended at this row. */
function marked(): LaneCatalog {
  const catalog = bookOf(lane('plain', 1));
  catalog.noteYield(catalog.sources(1, { free: 1 })[0]!, false, [{ due_at: '2026-01-01', id: 7 }]);
  return catalog;
}

test('a claim begins behind what others run, until nothing more is due there: then it begins at its own cursor', () => {
  const catalog = marked();
  const [ahead] = catalog.sources(1, { free: 1 });
  expect(ahead).toMatchObject({ frontier: true, cursor: { id: 7 } });
  catalog.noteYield(ahead!, true, [{ due_at: '2026-01-01', id: 90 }]);
  const [again] = catalog.sources(1, { free: 1 });
  expect(again).toMatchObject({ frontier: false, cursor: { id: 7 } });
  catalog.noteYield(again!, true, []);
  expect(catalog.sources(1, { free: 1 })).toEqual([]);
});

test('finding F6: a check that finds the row at which the claim began leaves the cursor where it is', () => {
  const catalog = marked();
  const [source] = catalog.sources(1, { free: 1 });
  catalog.cursorChecked(source as never, { due_at: '2026-01-01', id: 7 }, 0, 1);
  expect(catalog.sources(1, { free: 1 })[0]).toMatchObject({ frontier: false, cursor: { id: 7 } });
});

test('finding F7: a lane whose head waits for a free slot is not asked while there is none', () => {
  const catalog = marked();
  catalog.noteYield(catalog.sources(1, { free: 0 })[0]!, false, [], { free: 0 });
  expect(catalog.sources(1, { free: 0 })).toEqual([]);
  expect(catalog.sources(1, { free: 1 })).toHaveLength(1);
});

test('a lane whose head cannot wait for a place is not asked again until a place of its type is free', () => {
  const catalog = bookOf(lane('deep', 1), lane('plain', 1));
  const full = ['deep'];
  const asked = catalog.sources(2, { free: 3, full });
  expect(asked).toHaveLength(2);
  for (const one of asked) catalog.noteYield(one, false, [], { free: 3, full });
  expect(catalog.sources(2, { free: 3, full }).map((one) => catalog.typeOf(one))).toEqual(['plain']);
  expect(catalog.sources(2, { free: 3 })).toHaveLength(2);
});

test('directed tasks of full types are left out, and asked for when one of these types has a place', () => {
  const catalog = bookOf();
  catalog.markDue([], true);
  for (const full of [['deep', 'plain'], ['plain'], []]) {
    const slots = { free: 3, full };
    const [source] = catalog.sources(1, slots);
    expect(source).toMatchObject({ kind: 'directed', without: full });
    catalog.noteYield(source!, true, [], slots);
    expect(catalog.sources(1, slots)).toEqual([]);
  }
});

const at = (id: number) => ({ due_at: '2026-01-01 00:00:00.000', id });

/** The cursor of a lane from which task 5 was taken last. */
function cursor() {
  const one = new LaneCursor();
  one.claimed(at(5), { exhausted: false, frontier: false });
  return one;
}

test('a cursor is at the last row that was taken, until tasks may lie before it; without one, claims read from the head', () => {
  const one = cursor();
  expect(one).toMatchObject({ at: at(5), frontier: true, behind: false });
  one.drop();
  expect([one, new LaneCursor()]).toMatchObject(Array(2).fill({ at: undefined, frontier: false }));
});

test('a cursor is checked after a claim that found nothing more, else a second after the last check or twenty times its cost', () => {
  const one = cursor();
  expect(one.checkDue(true, 10)).toBe(true);
  expect(one.checked(undefined, 10, 1)).toBe(false);
  expect([one.checkDue(false, 1009), one.checkDue(false, 1010)]).toEqual([false, true]);
  one.checked(undefined, 10, 100);
  expect([one.checkDue(false, 2009), one.checkDue(false, 2010)]).toEqual([false, true]);
  expect(new LaneCursor().checkDue(true, 10)).toBe(false);
});

test('a cursor goes back to a due row before it, and the next claim reads from there on', () => {
  const one = cursor();
  for (const id of [3, 4]) expect(one.checked(at(id), 10, 1)).toBe(true);
  expect(one).toMatchObject({ at: at(3), frontier: false });
});
