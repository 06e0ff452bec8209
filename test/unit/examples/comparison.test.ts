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

  it('finds a missing row, a doubled row, and one that nobody served', () => {
    const found = changed((records) => {
      records.splice(1, 1);
      records.push(structuredClone(records[0]!));
      records.findLast(({ campaign }) => campaign !== '')!.campaign += '!';
    });
    const { missing, unexpected, doubled, different } = found;
    expect([missing, unexpected, doubled, different].map((all) => all.length)).toEqual([2, 1, 1, 0]);
    expect(isComplete(found)).toBe(false);
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

  it('reads numbers however they are spelled', () => {
    const given = ['12.3400', '0012', '-0.000', '+5', '9007199254740993.000001', 'text'];
    expect(given.map(plainDecimal)).toEqual(['12.34', '12', '0', '5', '9007199254740993.000001', 'text']);
  });
});

it('the world of the stub is the same for the same seed, and names no row twice', () => {
  expect(expectedRows(new World(world.options), ['2026-01-05'])).toEqual(expectedRows(world, ['2026-01-05']));
  const keys = expected().map(({ figures: _figures, extra: _extra, ...key }) => JSON.stringify(key));
  expect(new Set(keys).size).toBe(keys.length);
});
