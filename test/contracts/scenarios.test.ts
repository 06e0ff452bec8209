// docs/reference/scenarios.md: one row for each code at the head of a test name, with the files of its tests. What it says of
// a code is written by hand; `-u` writes the files.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { projectFiles, ROOT, readProjectFile } from './project-files.ts';

const PAGE = 'docs/reference/scenarios.md';
const CODE = '(?:[A-HRS]|RB|RC)\\d{1,2}';
const HEAD = new RegExp(`[\\w)\\]>]\\s*\\(\\s*(['"\`])((?:[Ff]inding )?${CODE}\\b(?:,? ${CODE}\\b)*:? )`, 'g');

/** Codes at the head of the names of tests in a source text; those of findings begin with "finding". */
function codesOf(source: string): string[] {
  return [...source.matchAll(HEAD)].flatMap(([, , head = '']) => {
    const prefix = /^finding/i.test(head) ? 'finding ' : '';
    return [...head.matchAll(new RegExp(CODE, 'g'))].map(([code]) => prefix + code);
  });
}

function filesByCode(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const files = projectFiles().filter(
    (path) => /^test\/.*\.test\.ts$/.test(path) && path !== 'test/contracts/scenarios.test.ts',
  );
  for (const path of files.sort()) {
    for (const code of new Set(codesOf(readProjectFile(path) ?? ''))) {
      found.set(code, [...(found.get(code) ?? []), path]);
    }
  }
  return found;
}

interface Row {
  code: string;
  says: string;
}

function readRow(line: string, prefix: string): Row | undefined {
  const [, code, says] = new RegExp(`^\\| (${CODE}) \\| (.*?) \\|`).exec(line) ?? [];
  return code === undefined ? undefined : { code: prefix + code, says: (says ?? '').trim() };
}

/** The rows of a page, and the page with the files of each row as they are. */
function rewrite(page: string, files: Map<string, string[]>): { rows: Row[]; text: string } {
  const rows: Row[] = [];
  let prefix = '';
  const lines = page.split('\n').map((line) => {
    if (line.startsWith('## ')) prefix = line === '## Findings' ? 'finding ' : '';
    const row = readRow(line, prefix);
    if (row === undefined) return line;
    rows.push(row);
    const links = (files.get(row.code) ?? []).map(
      (path) => `[${path.slice('test/'.length, -'.test.ts'.length)}](../../${path})`,
    );
    return `| ${row.code.replace('finding ', '')} | ${row.says} | ${links.join(', ')} |`;
  });
  return { rows, text: lines.join('\n') };
}

describe(PAGE, () => {
  const files = filesByCode();
  const { rows, text } = rewrite(readProjectFile(PAGE) ?? '', files);

  it('lists each code that a test name begins with, once, and no other', () => {
    expect(files.size).toBeGreaterThan(90);
    expect(rows.map(({ code }) => code).sort()).toEqual([...files.keys()].sort());
  });

  it('says in one sentence what each is about', () => {
    expect(rows.filter(({ says }) => !/^\S.{10,}\.$/.test(says))).toEqual([]);
  });

  it('names the files of its tests', async () => {
    await expect(text).toMatchFileSnapshot(fileURLToPath(new URL(PAGE, ROOT)));
  });

  it('is compared by the heads of names, also of several codes, and by nothing else', () => {
    const source = `it('A1 x'); describe.each(y)('finding F8, S2: z'); it.each([1])(\`R2 R3 \${z}\`); const a = 'B1 x'; // C1 y`;
    expect(codesOf(source)).toEqual(['A1', 'finding F8', 'finding S2', 'R2', 'R3']);
    expect(rewrite('## Findings\n| F8 | A sentence. | old |', new Map([['finding F8', ['test/a.test.ts']]]))).toEqual({
      rows: [{ code: 'finding F8', says: 'A sentence.' }],
      text: '## Findings\n| F8 | A sentence. | [a](../../test/a.test.ts) |',
    });
  });
});
