import { describe, expect, it } from 'vitest';
import { type Column, renderTable, tableWidth } from '../../../../src/cli/render/table.ts';
import { ago, displayWidth, duration, printable } from '../../../../src/cli/render/text.ts';

interface Thing {
  id: string;
  name: string;
  n: number;
}

const columns: Column<Thing>[] = [
  { header: 'ID', value: (t) => t.id },
  { header: 'NAME', value: (t) => t.name, flexible: true },
  { header: 'N', value: (t) => t.n, align: 'right' },
];
const lines = (rows: Thing[], width: number) => renderTable(columns, rows, width).split('\n');

describe('a table', () => {
  it('lines its columns up without borders or trailing blanks', () => {
    const rows = [
      { id: 'a', name: 'first', n: 5 },
      { id: 'bb', name: 'x', n: 100 },
    ];
    expect(lines(rows, 80)).toEqual(['ID  NAME     N', 'a   first    5', 'bb  x      100']);
    expect(lines([], 80)).toEqual(['ID  NAME  N']);
  });

  it('shortens what is flexible to fit 80 columns, and never an id', () => {
    const row = { id: `worker-${'0'.repeat(40)}`, name: 'long '.repeat(40), n: 12_345 };
    const [header, first, second] = lines([row, { id: 'b', name: '很长的名字'.repeat(20), n: 1 }], 80);
    for (const line of [header, first, second]) expect(displayWidth(line!)).toBeLessThanOrEqual(80);
    expect(first).toContain(row.id);
    expect(first).toMatch(/…\s+12345$/);
    expect(second).toMatch(/…\s+1$/);
  });

  it('leaves flexible columns out, from the right, when shortening is not enough', () => {
    const row = { id: 'i'.repeat(76), name: 'name', n: 1 };
    expect(lines([row], 80)).toEqual([`ID${' '.repeat(76)}N`, `${row.id}  1`]);
  });

  it('leaves a time out as a whole before a name, and before the id that a command needs is cut', () => {
    const some: Column<Thing>[] = [
      { header: 'KEY', id: true, value: (t) => t.id },
      { header: 'NAME', value: (t) => t.name, flexible: true },
      { header: 'EXPIRES', optional: true, value: () => '2027-01-01T00:00:00.000Z' },
      { header: 'LAST USED', optional: true, value: () => 'never' },
    ];
    const row = (width: number) =>
      renderTable(some, [{ id: 'k3Jd92Qa', name: 'report page', n: 0 }], width).split('\n')[1];
    expect(row(80)).toBe('k3Jd92Qa  report page  2027-01-01T00:00:00.000Z  never');
    expect(row(46)).toBe('k3Jd92Qa  report pa…  2027-01-01T00:00:00.000Z');
    expect(row(30)).toBe('k3Jd92Qa  report page');
    expect(row(17)).toBe('k3Jd92Qa  report…');
  });

  it('shortens nothing when the output is piped', () => {
    const name = 'x'.repeat(300);
    expect(lines([{ id: 'a', name, n: 1 }], tableWidth({}))[1]).toContain(name);
    expect([tableWidth({ isTTY: true, columns: 120 }), tableWidth({ isTTY: true })]).toEqual([120, 80]);
  });

  it('finding B10: keeps the end of an id, by which ids differ, and only when all else is short', () => {
    const wide: Column<Thing>[] = [
      { header: 'DEVICE', value: (t) => t.id, id: true },
      { header: 'WHY', value: (t) => t.name, flexible: true },
    ];
    const rows = [
      { id: 'worker-of-the-north-001', name: 'x'.repeat(40), n: 0 },
      { id: 'worker-of-the-north-002', name: 'y', n: 0 },
    ];
    expect(renderTable(wide, rows, 40).split('\n').slice(1)).toEqual([
      `worker-of-the-north-001  ${'x'.repeat(14)}…`,
      'worker-of-the-north-002  y',
    ]);
    // Before an id says too little, the other column goes.
    expect(renderTable(wide, rows, 18).split('\n').slice(1)).toEqual(['…north-001  xxxxx…', '…north-002  y']);
    expect(renderTable(wide, rows, 12).split('\n')).toEqual(['DEVICE', '…e-north-001', '…e-north-002']);
  });

  it('finding B10: breaks a long reason into lines, behind a blank or a comma, and loses none of it', () => {
    const wrapping: Column<Thing>[] = [
      { header: 'ID', value: (t) => t.id },
      { header: 'WHY', value: (t) => t.name, wrap: 3 },
    ];
    const name = 'the machine is over its limit, and lacks browser_support';
    const [, ...shown] = renderTable(wrapping, [{ id: 'a', name, n: 0 }], 34).split('\n');
    expect(shown).toEqual(['a   the machine is over its limit,', '    and lacks browser_support']);
    const [, ...cut] = renderTable(wrapping, [{ id: 'a', name: `${name}, `.repeat(3), n: 0 }], 34).split('\n');
    expect(cut).toHaveLength(3);
    expect(cut[2]).toMatch(/…$/);
  });

  it.each([20, 40, 60, 80, 120, 200])('finding B10: fits %i columns, whatever stands in it', (width) => {
    const all: Column<Thing>[] = [
      { header: 'A LONG HEADER', value: (t) => t.id, id: true },
      { header: 'NAME', value: (t) => t.name, flexible: true },
      { header: 'STATE', value: () => 'offline (silent), quarantined, held' },
      { header: 'N', value: (t) => t.n, align: 'right' },
      { header: 'WHY', value: (t) => t.name, wrap: 4 },
    ];
    const rows = ['a', '很长的名字'.repeat(30), 'x'.repeat(300)].map((name, n) => ({ id: `d-${name}`, name, n }));
    for (const line of renderTable(all, rows, width).split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
  });

  it('cannot be broken by a value from the database', () => {
    const [, line, ...more] = lines([{ id: 'a\nb', name: '\u001b[2Jx\u202e', n: 1 }], 80);
    expect(more).toEqual([]);
    expect(line).toBe('a b   [2Jx   1');
  });
});

it('says a duration in the unit that says enough', () => {
  expect([0, 89, 90, 5399, 5400, 172_800].map(duration)).toEqual(['0 s', '89 s', '2 min', '90 min', '2 h', '2 d']);
  expect([ago(null), ago(3.4), ago(-1)]).toEqual(['never', '3 s ago', '0 s ago']);
});

it('prints nothing for null', () => {
  expect([printable(null), printable(undefined), printable(0)]).toEqual(['', '', '0']);
});
