import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MUTANTS } from '../../chaos/mutants/list.ts';
import { withBlock } from '../../chaos/proof-page.ts';

it('a block of the page is replaced, and the rest stays', () => {
  const page = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter\n';
  expect(withBlock(page, 'a', 'new')).toBe('before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n');
  expect(() => withBlock(page, 'b', 'new')).toThrow('no block "b"');
});

it('docs/explain/proof.md has the blocks that the script writes', () => {
  const page = readFileSync(new URL('../../../docs/explain/proof.md', import.meta.url), 'utf8');
  for (const name of ['mariadb', 'mysql', 'mutants']) expect(withBlock(page, name, 'x')).toContain('x');
});

it('docs/explain/proof.md tells of every mutant, and that each was caught', () => {
  const page = readFileSync(new URL('../../../docs/explain/proof.md', import.meta.url), 'utf8');
  const block = page.slice(page.indexOf('<!-- mutants -->'), page.indexOf('<!-- /mutants -->'));
  const rows = block.split('\n').filter((line) => /^\| [a-z]+-/.test(line));
  expect(rows.map((row) => row.split(' | ')[0]!.replace('| ', ''))).toEqual(MUTANTS.map((one) => one.name));
  expect(block).not.toContain('ESCAPED');
});
