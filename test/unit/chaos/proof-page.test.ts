import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
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
