import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../chaos/mutants/copy.ts';
import { MUTANTS } from '../../chaos/mutants/list.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

describe('the mutants', () => {
  it.for(MUTANTS.map((one) => [one.name, one] as const))('%s fits the source, exactly once', ([, { patches }]) => {
    for (const patch of patches) expect(applyPatch(read(patch.file), patch)).not.toBe(read(patch.file));
  });

  it.for(MUTANTS.map((one) => [one.name, one.by] as const))('%s names a storm or a test that is there', ([, by]) => {
    if (by.kind === 'test') expect(read(by.file)).toContain(by.name);
    else expect(by.rules.length).toBeGreaterThan(0);
  });

  it('a patch that fits nowhere, or twice, is refused', () => {
    const patch = { file: 'x', find: 'a', replace: 'b' };
    expect(() => applyPatch('none', patch)).toThrow('0 times');
    expect(() => applyPatch('a a', patch)).toThrow('2 times');
  });
});
