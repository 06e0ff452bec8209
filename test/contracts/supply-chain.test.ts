// RB17: what is installed with afd.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

interface Lock {
  packages: Record<string, Record<string, unknown>>;
}
interface SupplyChain {
  MOST_PACKAGES: number;
  licencesPage(lock: Lock): string;
  problemsOf(lock: Lock): string[];
  packagesOf(lock: Lock): Array<{ name: string; version: string; installed: boolean }>;
}
const chain = (await import(path('scripts/supply-chain.mjs'))) as SupplyChain;
const lock = JSON.parse(readFileSync(path('package-lock.json'), 'utf8')) as Lock;
const installed = chain.packagesOf(lock).filter((one) => one.installed);

describe('RB17 the packages that are installed with afd', () => {
  it('are no more than decided, have checksums and allowed licences, and run no script at their installation', () => {
    expect(chain.problemsOf(lock)).toEqual([]);
    expect(installed.length).toBe(chain.MOST_PACKAGES);
    expect(readFileSync(path('package-lock.json'), 'utf8'), 'no host of one machine').not.toMatch(/"resolved"/);
  });

  it('are listed with their licences', () => {
    expect(readFileSync(path('docs/reference/licences.md'), 'utf8')).toBe(chain.licencesPage(lock));
  });

  it('are in the CycloneDX document, each with its checksum, and none that is for development', () => {
    const argv = [path('scripts/sbom.mjs')];
    const made = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 }));
    expect([made.bomFormat, made.metadata.component.name]).toEqual(['CycloneDX', 'afd-fleet']);
    const named = (one: { name: string; version: string }) => `${one.name}@${one.version}`;
    const components = made.components as Array<{ name: string; version: string; hashes: Array<{ alg: string }> }>;
    expect(new Set(components.map(named))).toEqual(new Set(installed.map(named)));
    for (const { hashes } of components) expect(hashes).toContainEqual(expect.objectContaining({ alg: 'SHA-512' }));
  });

  it.each([
    ['hasInstallScript', true, 'runs a script'],
    ['license', 'GPL-3.0-only', 'licence GPL-3.0-only'],
    ['integrity', undefined, 'no sha512 checksum'],
  ])('are refused with %s %s', (key, value, sentence) => {
    const zod = { ...lock.packages['node_modules/zod'], [key]: value };
    const changed = { packages: { ...lock.packages, 'node_modules/zod': zod } };
    expect(chain.problemsOf(changed)).toEqual([expect.stringContaining(sentence)]);
  });
});
