import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../chaos/mutants/copy.ts';
import { MUTANTS } from '../../chaos/mutants/list.ts';
import { ofTurn, TURNS, turnOf } from '../../chaos/mutants/turn.ts';
import { mutantsBlock, withBlock } from '../../chaos/proof-page.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs/explain/proof.md');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

describe('the mutants', () => {
  it.for(MUTANTS.map((one) => [one.name, one] as const))('%s fits the source and what catches it', ([, one]) => {
    for (const patch of one.patches) expect(applyPatch(read(patch.file), patch)).not.toBe(read(patch.file));
    const { test, storm } = one.caught;
    if (storm === undefined) expect(read(test!.file)).toContain(test!.name);
    else expect(storm.rules.length).toBeGreaterThan(0);
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map((one) => one.name)).size).toBe(MUTANTS.length);
  });

  it('come up once in ten turns, and no turn has many storms', () => {
    const turns = Array.from({ length: 10 }, (_, turn) => ofTurn(MUTANTS, turn));
    expect(TURNS).toBe(turns.length);
    const names = (all: typeof MUTANTS) => all.map((one) => one.name).sort();
    expect(names(turns.flat())).toEqual(names(MUTANTS));
    const storms = turns.map((turn) => turn.filter((one) => one.caught.storm !== undefined).length);
    for (const counts of [storms, turns.map((turn) => turn.length)])
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('have another turn with each commit, and with each day where there are no commits', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'afd-turns-'));
    const on = (day: number) => turnOf(dir, new Date(day * 86_400_000));
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: dir });
    try {
      expect([1, 2, 3].map(on)).toEqual([1, 2, 3]);
      git('init', '-q');
      for (const commits of [1, 2]) {
        git('commit', '-q', '--allow-empty', '-m', 'one more');
        expect(on(7)).toBe(commits);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('a patch that fits nowhere, or twice, is refused', () => {
    const patch = { file: 'x', find: 'a', replace: 'b' };
    expect(() => applyPatch('none', patch)).toThrow('0 times');
    expect(() => applyPatch('a a', patch)).toThrow('2 times');
  });
});

describe('docs/explain/proof.md', () => {
  it('has blocks that are replaced, and the rest stays', () => {
    const text = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter\n';
    expect(withBlock(text, 'a', 'new')).toBe('before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n');
    expect(() => withBlock(text, 'b', 'new')).toThrow('no block "b"');
  });

  it.each(['mariadb', 'mysql', 'proof'])('has the block %s, which a script writes', (name) => {
    expect(withBlock(read('docs/explain/proof.md'), name, 'x')).toContain('x');
  });

  it('lists every mutant with what catches it', async () => {
    await expect(withBlock(read('docs/explain/proof.md'), 'mutants', mutantsBlock(MUTANTS))).toMatchFileSnapshot(PAGE);
  });
});
