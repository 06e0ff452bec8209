import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../chaos/mutants/copy.ts';
import { MUTANTS } from '../../chaos/mutants/list.ts';
import { ofTurn, TURNS, turnOf } from '../../chaos/mutants/turn.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

describe('the mutants', () => {
  it.for(MUTANTS.map((one) => [one.name, one] as const))('%s fits the source, exactly once', ([, { patches }]) => {
    for (const patch of patches) expect(applyPatch(read(patch.file), patch)).not.toBe(read(patch.file));
  });

  it.for(MUTANTS.map((one) => [one.name, one.by] as const))('%s names a storm or a test that is there', ([, by]) => {
    if (by.kind === 'test') expect(read(by.file)).toContain(by.name);
    else expect(by.rules.length).toBeGreaterThan(0);
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map((one) => one.name)).size).toBe(MUTANTS.length);
  });

  it('come up once in ten turns, and no turn has many storms', () => {
    const turns = Array.from({ length: TURNS }, (_, turn) => ofTurn(MUTANTS, turn));
    expect(TURNS).toBe(10);
    const names = (all: typeof MUTANTS) => all.map((one) => one.name).sort();
    expect(names(turns.flat())).toEqual(names(MUTANTS));
    const storms = turns.map((turn) => turn.filter((one) => one.by.kind === 'storm').length);
    expect(Math.max(...storms) - Math.min(...storms)).toBeLessThanOrEqual(1);
    const sizes = turns.map((turn) => turn.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('have another turn with each commit, and with each day where there are no commits', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'afd-turns-'));
    try {
      const days = [1, 2, 3].map((n) => turnOf(dir, new Date(n * 86_400_000)));
      expect(days).toEqual([1, 2, 3]);
      const git = (...args: string[]) =>
        execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: dir });
      git('init', '-q');
      const commits = [1, 2].map(() => {
        git('commit', '-q', '--allow-empty', '-m', 'one more');
        return turnOf(dir, new Date(7 * 86_400_000));
      });
      expect(commits).toEqual([1, 2]);
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
