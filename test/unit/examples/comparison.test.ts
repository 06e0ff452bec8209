import { describe, expect, it } from 'vitest';
import {
  compareRecords,
  type DataRecord,
  isComplete,
  plainDecimal,
} from '../../../examples/appsflyer/quickstart/comparison.ts';
import { expectedRows, World } from '../../../examples/appsflyer/stub/world.ts';

const world = new World({ seed: 3, accounts: 2, apps: [2, 3], rows: 5 });
const expected = () => expectedRows(world, ['2026-01-05', '2026-01-06']) as unknown as DataRecord[];
const changed = (change: (records: DataRecord[]) => void) => {
  const stored = structuredClone(expected());
  change(stored);
  return compareRecords(expected(), stored);
};

describe('compareRecords', () => {
  it('finds nothing between equal lists, and says how much it compared', () => {
    const comparison = changed((records) => records.reverse());
    expect(isComplete(comparison)).toBe(true);
    expect(comparison.rows_stored).toBe(expected().length);
    expect(comparison.figures).toBeGreaterThan(expected().length * 12);
  });

  it.each<[string, (records: DataRecord[]) => void, object]>([
    ['a missing row', (records) => records.splice(1, 1), { missing: 1 }],
    ['a doubled row', (records) => records.push(structuredClone(records[0]!)), { doubled: 1 }],
    [
      'a row that nobody served, also one whose campaign differs',
      (records) => {
        records.find(({ campaign }) => campaign !== '')!.campaign += '!';
      },
      { missing: 1, unexpected: 1 },
    ],
  ])('finds %s', (_, change, found) => {
    const comparison = changed(change);
    const { missing, unexpected, doubled, different } = comparison;
    const counts = Object.entries({ missing, unexpected, doubled, different }).map(([key, all]) => [key, all.length]);
    const none = { missing: 0, unexpected: 0, doubled: 0, different: 0 };
    expect(Object.fromEntries(counts)).toEqual({ ...none, ...found });
    expect(isComplete(comparison)).toBe(false);
  });

  it('finds a changed figure, a lost figure and a changed extra column', () => {
    const comparison = changed((records) => {
      records[0]!.figures.installs = String(Number(records[0]!.figures.installs) + 1);
      records[1]!.figures.total_revenue = null;
      records.find((record) => Object.keys(record.extra).length > 0)!.extra = {};
    });
    const columns = comparison.different.map(({ column }) => column.replace(/^extra: .*/, 'extra'));
    expect(columns).toEqual(expect.arrayContaining(['installs', 'total_revenue', 'extra']));
    expect(isComplete(comparison)).toBe(false);
  });

  it.each([
    ['12.3400', '12.34'],
    ['0012', '12'],
    ['-0.000', '0'],
    ['+5', '5'],
    ['0.50', '0.5'],
    ['9007199254740993.000001', '9007199254740993.000001'],
    ['-1.20', '-1.2'],
    ['text', 'text'],
  ])('reads %s as %s', (given, plain) => {
    expect(plainDecimal(given)).toBe(plain);
  });
});

describe('the world of the stub', () => {
  it('is the same for the same seed and another for another seed', () => {
    expect(expectedRows(new World(world.options), ['2026-01-05'])).toEqual(expectedRows(world, ['2026-01-05']));
    expect(expectedRows(new World({ ...world.options, seed: 4 }), ['2026-01-05'])).not.toEqual(
      expectedRows(world, ['2026-01-05']),
    );
  });

  it('names no row twice', () => {
    const keys = expected().map(({ figures: _figures, extra: _extra, ...key }) => JSON.stringify(key));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
