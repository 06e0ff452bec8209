import { expect, test } from 'vitest';
import type { KnownLane } from '../../../../../src/core/domain/lane.ts';
import { LaneCatalog } from '../../../../../src/core/worker/claim/lane-catalog.ts';

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

test('lanes that as many can run take turns', () => {
  const catalog = bookOf(lane('plain', 2), lane('deep', 2));
  expect(Array.from({ length: 4 }, () => claim(catalog)).sort()).toEqual(['deep', 'deep', 'plain', 'plain']);
});

test.each([
  [1, 1],
  [4, 2],
])(
  'finding F14: a lane that many can run is not left for ever, also when a claim has %i scarce ones',
  (scarce, most) => {
    const types = Array.from({ length: scarce }, (_, n) => `deep${n}`);
    const catalog = new LaneCatalog('w1', { supported_tasks: ['plain', ...types] });
    catalog.learn([lane('plain', 9), ...types.map((type) => lane(type, 1))], true);
    let plain = 0;
    for (let n = 0; n < 80; n += 1) {
      for (const source of catalog.sources(scarce, { free: 1 })) {
        if (source.kind === 'lane' && source.lane.toString().startsWith('plain')) plain += 1;
        catalog.noteYield(source, false, Array(most).fill({ due_at: '2026-01-01', id: 1 }));
      }
      catalog.claimed();
    }
    expect(plain).toBe(10);
  },
);

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
