// What `npm run mutation` says of Stryker's report.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Survivor {
  file: string;
  was: string;
  becomes: string;
}
const { judged, scoreOf } = (await import(new URL('../../scripts/mutation-report.mjs', import.meta.url).href)) as {
  judged(report: unknown, listed: Survivor[]): { survivors: Survivor[]; unlisted: Survivor[]; stale: Survivor[] };
  scoreOf(report: unknown): { score: number; killed: number; all: number };
};

const source = 'const a =\n  b + c;\nexport { a };\n';
const at = (line: number, from: number, to: number, endLine = line) => ({
  location: { start: { line, column: from }, end: { line: endLine, column: to } },
});
const report = {
  files: {
    'a.ts': {
      source,
      mutants: [
        { ...at(2, 3, 8), status: 'Survived', replacement: 'b - c' },
        { ...at(1, 7, 8, 2), status: 'NoCoverage', replacement: '{}' },
        { ...at(2, 3, 8), status: 'Killed', replacement: 'b * c' },
        { ...at(2, 3, 8), status: 'Timeout', replacement: 'b / c' },
        { ...at(2, 3, 8), status: 'CompileError', replacement: 'b % c' },
        { ...at(2, 3, 8), status: 'Ignored', replacement: 'b' },
      ],
    },
  },
};

describe('the report of mutation testing', () => {
  it('counts what was noticed among what could be', () => {
    expect(scoreOf(report)).toEqual({ score: 50, killed: 2, all: 4 });
    expect(scoreOf({ files: {} })).toEqual({ score: 0, killed: 0, all: 0 });
  });

  it('names the survivors by their expression, on one line, and those that are not listed', () => {
    const listed = [{ file: 'a.ts', was: 'b + c', becomes: 'b - c' }];
    const { survivors, unlisted, stale } = judged(report, listed);
    expect(survivors.map((one) => [one.was, one.becomes])).toEqual([
      ['b + c', 'b - c'],
      ['a = b + c', '{}'],
    ]);
    expect(unlisted).toMatchObject([{ file: 'a.ts', line: 1, was: 'a = b + c' }]);
    expect(stale).toEqual([]);
  });

  it('names listed ones that do not survive any more, of the files that were mutated', () => {
    const gone = { file: 'a.ts', was: 'b + c', becomes: 'b ^ c' };
    expect(judged(report, [gone, { ...gone, file: 'b.ts' }]).stale).toEqual([gone]);
    const noticed = { ...gone, becomes: 'b * c' };
    const late = { ...gone, becomes: 'b / c' };
    expect(judged(report, [noticed, late]).stale).toEqual([noticed]);
  });
});

it('each survivor that is listed has a reason, and its file is there', () => {
  const list = JSON.parse(readFileSync(new URL('../mutation/survivors.json', import.meta.url), 'utf8')) as Array<
    Survivor & { reason: string }
  >;
  for (const { file, reason } of list) {
    expect(reason.length, file).toBeGreaterThan(10);
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').length).toBeGreaterThan(0);
  }
});
