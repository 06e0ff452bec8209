// afd runs on the oldest Node that package.json names, so every package that it brings along must.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { ROOT } from './project-files.ts';

const require = createRequire(import.meta.url);
const { satisfies, minVersion } = require('semver') as {
  satisfies(version: string, range: string): boolean;
  minVersion(range: string): { version: string };
};

interface Locked {
  version: string;
  dev?: boolean;
  /** Of another system or processor, perhaps. */
  optional?: boolean;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

const manifest = readJson('package.json') as { engines: { node: string }; dependencies: Record<string, string> };
const lock = readJson('package-lock.json') as { packages: Record<string, Locked> };
const OLDEST = minVersion(manifest.engines.node).version;
const production = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true);

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, ROOT), 'utf8'));
}

/** Packages that do not take this Node, each with what it asks for. */
function refusing(packages: Array<[string, Locked]>, node: string): string[] {
  return packages.flatMap(([path, { version, engines }]) =>
    engines?.node === undefined || satisfies(node, engines.node) ? [] : [`${path} ${version}: ${engines.node}`],
  );
}

/** The copy of `name` that a package at this path gets: the nearest one above it. */
function resolved(from: string, name: string, packages: Record<string, Locked>): Locked | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const found = packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`];
    if (found !== undefined || at === '') return found;
  }
}

describe('the packages of production', () => {
  it(`all run on Node ${OLDEST}, the oldest that package.json names`, () => {
    expect(production.length).toBeGreaterThan(50);
    expect(refusing(production, OLDEST)).toEqual([]);
  });

  it('would not, were one of them of those that ask for Node 22', () => {
    const packages: Array<[string, Locked]> = [
      ['node_modules/old', { version: '1.0.0', engines: { node: '>= 18' } }],
      ['node_modules/new', { version: '2.0.0', engines: { node: '>=22.12' } }],
      ['node_modules/both', { version: '3.0.0', engines: { node: '^20.19.0 || >=22' } }],
      ['node_modules/later', { version: '4.0.0', engines: { node: '^20.20.0' } }],
    ];
    expect(refusing(packages, '20.19.0')).toEqual([
      'node_modules/new 2.0.0: >=22.12',
      'node_modules/later 4.0.0: ^20.20.0',
    ]);
  });

  it('have one light-my-request, of which fastify takes the pinned version, whose cookie package runs here', () => {
    const copies = Object.keys(lock.packages).filter((path) => path.endsWith('node_modules/light-my-request'));
    expect(copies).toEqual(['node_modules/light-my-request']);
    const pinned = manifest.dependencies['light-my-request']!;
    expect(lock.packages['node_modules/light-my-request']?.version).toBe(pinned);
    expect(satisfies(pinned, lock.packages['node_modules/fastify']!.dependencies!['light-my-request']!)).toBe(true);
    const cookie = resolved('node_modules/light-my-request', 'cookie', lock.packages);
    expect(satisfies(OLDEST, cookie!.engines!.node!)).toBe(true);
  });

  it('are pinned where afd itself asks for them', () => {
    const loose = Object.entries(manifest.dependencies).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });
});
