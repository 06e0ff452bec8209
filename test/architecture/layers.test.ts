import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSources, OWN_LAYERS, PACKAGES, type Rule, type Source } from './layer-rules.ts';

const ROOT = new URL('../../', import.meta.url);

function readSources(): Source[] {
  return readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, ROOT), 'utf8') }));
}

/** The rules that a file of this text, alone at this path, breaks. */
function broken(path: string, text: string): Rule[] {
  return checkSources([{ path, text }]).map((violation) => violation.rule);
}

describe('the sources in src/', () => {
  const sources = readSources();
  const violations = checkSources(sources);
  const rules: Record<Rule, string> = {
    layer: 'import only the layers to their right',
    package: 'import only the packages of their layer',
    process: 'leave process to the outermost layer',
    console: 'never write to the console',
    clock: 'leave the clock of this machine to core/runtime/clock.ts',
    circular: 'import nothing in a circle',
    folder: 'lie in folders of at most 22 files that do not import each other in a circle',
    length: 'stay short',
    name: 'are named after what they hold',
    'default export': 'export by name, commands excepted',
    extension: 'name the files they import with their extension',
  };
  for (const [rule, behaviour] of Object.entries(rules)) {
    it(behaviour, () => {
      const lines = violations.filter((v) => v.rule === rule).map((v) => `${v.path}:${v.line} ${v.message}`);
      expect(lines).toEqual([]);
    });
  }

  it('are all checked', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.map((s) => s.path)).toContain('src/core/runtime/clock.ts');
  });
});

describe('the table of AGENTS.md', () => {
  const agents = readFileSync(new URL('AGENTS.md', ROOT), 'utf8');
  const cells = (row: string) => {
    const line = agents.split('\n').find((one) => one.startsWith(`| ${row}`));
    return (line ?? '')
      .split('|')
      .slice(2, -1)
      .map((cell) => cell.trim());
  };
  const words = (cell: string | undefined) =>
    (cell ?? '')
      .split(',')
      .map((word) => word.trim())
      .filter((w) => w !== 'none')
      .sort();

  const LAYERS = ['domain', 'db', 'http', 'core', 'gateway', 'commands'] as const;

  it('names the packages that the test allows', () => {
    const allowed = LAYERS.map((layer) => PACKAGES[layer].map((name) => name.replace('@oclif/core', 'oclif')).sort());
    expect(cells('packages').map(words)).toEqual(allowed);
  });

  it('names the layers that the test allows', () => {
    const others = LAYERS.map((layer) =>
      Object.entries(OWN_LAYERS[layer])
        .filter(([name]) => name !== layer || layer === 'domain')
        .map(([name, what]) => (what === 'types' ? `${name} (types)` : name))
        .sort(),
    );
    expect(cells('own layers').map(words)).toEqual(others);
  });

  it('gives every dependency of the package to one layer', () => {
    const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { dependencies: object };
    const known = new Set(Object.values(PACKAGES).flat());
    const homeless = Object.keys(manifest.dependencies).filter(
      (name) => !known.has(name) && !name.startsWith('@oclif/plugin-'),
    );
    expect(homeless).toEqual([]);
  });
});

describe('the checker', () => {
  it.each<[Rule, string, string]>([
    ['layer', 'src/core/domain/a.ts', `import { b } from '../b.ts';`],
    ['layer', 'src/core/domain/a.ts', `import type { B } from '../db/b.ts';`],
    ['layer', 'src/core/db/a.ts', `export { b } from '../b.ts';`],
    ['layer', 'src/core/a.ts', `const b = await import('../cli/b.ts');`],
    ['layer', 'src/cli/a.ts', `import { b } from '../commands/b.ts';`],
    ['layer', 'src/commands/a.ts', `type B = import('../core/db/b.ts').B;`],
    ['layer', 'src/commands/a.ts', `import { type A, b } from '../core/domain/b.ts';`],
    ['layer', 'src/cli/a.ts', `import { b } from '../b.ts';`],
    ['layer', 'src/extra/a.ts', ''],
    ['package', 'src/core/domain/a.ts', `import { readFile } from 'node:fs/promises';`],
    ['package', 'src/core/db/a.ts', `import pino from 'pino';`],
    ['package', 'src/core/a.ts', `import type { Connection } from 'mysql2';`],
    ['package', 'src/core/a.ts', `import { Command } from '@oclif/core/lib/command.js';`],
    ['package', 'src/commands/a.ts', `const mysql = await import('mysql2/promise');`],
    ['process', 'src/core/a.ts', 'const home = process.env.HOME;'],
    ['process', 'src/core/db/a.ts', 'listen(process);'],
    ['process', 'src/core/domain/a.ts', 'const it = { process };'],
    ['process', 'src/core/a.ts', 'globalThis.process.exit(1);'],
    ['process', 'src/core/a.ts', `import { argv } from 'node:process';`],
    ['process', 'src/core/handlers/processes/process-group.ts', `import process from 'node:process';`],
    ['process', 'src/core/runtime/clock.ts', 'process.hrtime();'],
    ['console', 'src/core/a.ts', 'console.log(1);'],
    ['console', 'src/commands/a.ts', 'const log = console;'],
    ['console', 'src/core/a.ts', `import { log } from 'node:console';`],
    ['clock', 'src/core/a.ts', 'const now = Date.now;'],
    ['clock', 'src/cli/a.ts', 'const at = new Date();'],
    ['clock', 'src/core/a.ts', 'const at = Date();'],
    ['clock', 'src/core/a.ts', 'performance.now();'],
    ['clock', 'src/core/a.ts', `import { performance as p } from 'node:perf_hooks';`],
    ['default export', 'src/core/a.ts', 'export default class A {}'],
    ['default export', 'src/core/a.ts', 'const a = 1; export default a;'],
    ['default export', 'src/core/a.ts', 'const a = 1; export { a as default };'],
    ['extension', 'src/core/a.ts', `import { b } from './b.js';`],
    ['name', 'src/core/utils.ts', ''],
    ['name', 'src/core/helpers/a.ts', ''],
    ['name', 'src/core/worker/lane-book.ts', ''],
    ['name', 'src/core/bench/a.ts', ''],
  ])('refuses by the rule of the %s, in %s: %s', (rule, path, text) => {
    expect(new Set(broken(path, text))).toEqual(new Set([rule]));
  });

  it.each<[string, string]>([
    ['src/core/node/thread/liveness-thread.ts', 'process.exit(1);'],
    ['src/core/handlers/processes/process-group.ts', `import { kill } from 'node:process';`],
    ['src/core/runtime/clock.ts', `import { hrtime } from 'node:process'; const at = new Date();`],
    ['src/cli/shutdown.ts', `process.once('SIGTERM', stop);`],
    ['src/core/a.ts', 'const a = task.process; const b = { process: 1 }; // process.env'],
    ['src/core/a.ts', `const sql = 'console.log(Date.now())'; const at = new Date(0);`],
    ['src/commands/a.ts', `import type { Task } from '../core/domain/task.ts'; export default class A {}`],
    ['src/cli/a.ts', `import { AfdError } from '../core/domain/errors.ts';`],
  ])('accepts the exceptions and what is only similar: %s: %s', (path, text) => {
    expect(broken(path, text)).toEqual([]);
  });

  it('refuses a circle of imports, once', () => {
    const found = checkSources([
      { path: 'src/core/a.ts', text: `import { b } from './b.ts';` },
      { path: 'src/core/b.ts', text: `import { c } from './c.ts';` },
      { path: 'src/core/c.ts', text: `import type { A } from './a.ts';` },
      { path: 'src/core/d.ts', text: `import { a } from './a.ts';` },
    ]);
    expect(found.map((v) => v.message)).toEqual([
      'imports itself by way of src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts',
    ]);
  });

  it('refuses folders that import each other, though no file does', () => {
    const found = checkSources([
      { path: 'src/core/a/one.ts', text: `import { b } from '../b/one.ts';` },
      { path: 'src/core/b/one.ts', text: '' },
      { path: 'src/core/b/two.ts', text: `import { c } from '../a/two.ts';` },
      { path: 'src/core/a/two.ts', text: '' },
    ]);
    expect(found.map((v) => `${v.rule}: ${v.message}`)).toEqual([
      'folder: imports itself by way of src/core/a → src/core/b → src/core/a',
    ]);
  });

  it('refuses a folder of 23 files', () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ path: `src/core/a/f${n}.ts`, text: '' }));
    expect(checkSources(files(22))).toEqual([]);
    expect(checkSources(files(23)).map((v) => v.message)).toEqual(['holds 23 files; at most 22']);
  });

  it.each<[string, number]>([
    ['src/core/a.ts', 250],
    ['src/core/db/tasks/a.ts', 80],
    ['src/core/db/a.ts', 250],
    ['src/core/db/claim/statements.ts', 400],
    ['src/commands/a.ts', 60],
  ])('refuses %s above %i lines', (path, limit) => {
    expect(broken(path, '// why\n'.repeat(limit))).toEqual([]);
    expect(broken(path, '// why\n'.repeat(limit + 1))).toEqual(['length']);
  });
});
