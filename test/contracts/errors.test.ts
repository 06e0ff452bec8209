import { describe, expect, it } from 'vitest';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../src/core/domain/errors.ts';
import { readProjectFile } from './project-files.ts';

/** Rows `| E_CODE | exit code | meaning | what to do |` of a page, the code in backticks. */
function documentedErrors(page: string) {
  return page
    .split('\n')
    .filter((line) => /^\|\s*`E_/.test(line))
    .map((line) => {
      const [code, exit, means, remedy] = line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim());
      return { code: (code ?? '').replaceAll('`', ''), exit: Number(exit), means: means ?? '', remedy: remedy ?? '' };
    });
}

describe('docs/reference/errors.md', () => {
  const documented = documentedErrors(readProjectFile('docs/reference/errors.md') ?? '');

  it('lists exactly the codes that afd knows, each once', () => {
    expect(documented.map((row) => row.code).sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it('gives each code its exit code', () => {
    const exits = Object.fromEntries(documented.map((row) => [row.code, row.exit]));
    expect(exits).toEqual(Object.fromEntries(Object.entries(ERROR_CODES).map(([code, { exit }]) => [code, exit])));
  });

  it('says for each code what it means and what to do', () => {
    expect(documented.filter((row) => row.means === '' || row.remedy === '')).toEqual([]);
  });

  it('is read row by row, so that a missing, doubled or wrong row is seen', () => {
    const rows = documentedErrors('| code | exit |\n| `E_A` | 5 | why | `a \\| b` |\n| `E_A` | x | | |\ntext `E_B`');
    expect(rows).toEqual([
      { code: 'E_A', exit: 5, means: 'why', remedy: '`a \\| b`' },
      { code: 'E_A', exit: Number.NaN, means: '', remedy: '' },
    ]);
  });
});

describe('an error of afd', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s carries the exit code of the registry', (code) => {
    expect(new AfdError(code, 'it failed').exitCode).toBe(ERROR_CODES[code].exit);
    expect(ERROR_CODES[code].exit).toBeGreaterThan(0);
  });
});
