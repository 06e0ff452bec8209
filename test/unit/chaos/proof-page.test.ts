import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { MUTANTS } from '../../chaos/mutants/list.ts';
import { mutantsBlock, withBlock } from '../../chaos/proof-page.ts';

const PAGE = fileURLToPath(new URL('../../../docs/explain/proof.md', import.meta.url));
const page = readFileSync(PAGE, 'utf8');

it('a block of the page is replaced, and the rest stays', () => {
  const text = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter\n';
  expect(withBlock(text, 'a', 'new')).toBe('before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n');
  expect(() => withBlock(text, 'b', 'new')).toThrow('no block "b"');
});

it.each(['mariadb', 'mysql', 'proof'])('docs/explain/proof.md has the block %s, which a script writes', (name) => {
  expect(withBlock(page, name, 'x')).toContain('x');
});

it('docs/explain/proof.md lists every mutant with what catches it', async () => {
  await expect(withBlock(page, 'mutants', mutantsBlock(MUTANTS))).toMatchFileSnapshot(PAGE);
});
