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

  it('names the packages that the test allows', () => {
    const [domain, db, http, core, gateway, terminal] = cells('packages');
    expect(words(domain)).toEqual(PACKAGES.domain);
    expect(words(db)).toEqual([...PACKAGES.db].sort());
    expect(words(http)).toEqual([...PACKAGES.http].sort());
    expect(words(gateway)).toEqual([...PACKAGES.gateway].sort());
    expect(words(core)).toEqual([...PACKAGES.core].sort());
    expect(words(terminal)).toEqual(PACKAGES.cli.map((name) => name.replace('@oclif/core', 'oclif')).sort());
  });

  it('names the layers that the test allows', () => {
    const [domain, db, http, core, gateway, terminal] = cells('own layers');
    const others = (layer: 'db' | 'http' | 'core' | 'gateway' | 'commands') =>
      Object.entries(OWN_LAYERS[layer])
        .filter(([name]) => name !== layer)
        .map(([name, what]) => (what === 'types' ? `${name} (types)` : name))
        .sort();
    expect(words(domain)).toEqual(['domain']);
    expect(words(db)).toEqual(others('db'));
    expect(words(http)).toEqual(others('http'));
    expect(words(core)).toEqual(others('core'));
    expect(words(gateway)).toEqual(others('gateway'));
    expect(words(terminal)).toEqual(others('commands'));
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
  it.each<[string, string, string]>([
    ['domain taking from core', 'src/core/domain/a.ts', `import { b } from '../b.ts';`],
    ['domain taking a type from db', 'src/core/domain/a.ts', `import type { B } from '../db/b.ts';`],
    ['db taking from core', 'src/core/db/a.ts', `export { b } from '../b.ts';`],
    ['core taking from cli', 'src/core/a.ts', `const b = await import('../cli/b.ts');`],
    ['cli taking from db', 'src/cli/a.ts', `import type { B } from '../core/db/b.ts';`],
    ['cli taking from commands', 'src/cli/a.ts', `import { b } from '../commands/b.ts';`],
    ['a command taking from db', 'src/commands/a.ts', `type B = import('../core/db/b.ts').B;`],
    ['a command taking a value from domain', 'src/commands/a.ts', `import { type A, b } from '../core/domain/b.ts';`],
    ['anything from outside src', 'src/cli/a.ts', `import { b } from '../b.ts';`],
    ['a file outside the layers', 'src/extra/a.ts', ''],
  ])('refuses %s', (_, path, text) => {
    expect(broken(path, text)).toEqual(['layer']);
  });

  it('says which layers and packages are allowed', () => {
    const text = `import { b } from '../../cli/b.ts';\nimport mysql from 'mysql2';`;
    const messages = checkSources([{ path: 'src/core/worker/a.ts', text }]).map((v) => `${v.line}: ${v.message}`);
    expect(messages).toEqual([
      '1: core may not import cli; allowed: core, db, domain, http',
      '2: core may not import the package mysql2; allowed packages: p-limit, systeminformation, zod, pino, yaml, jiti, csv-parse, ipaddr.js, pkijs, asn1js, openid-client',
    ]);
  });

  it.each<[string, string]>([
    ['src/core/domain/a.ts', `import { z } from 'zod';`],
    ['src/core/domain/a.ts', `import { readFile } from 'node:fs/promises';`],
    ['src/core/db/a.ts', `import pino from 'pino';`],
    ['src/core/a.ts', `import type { Connection } from 'mysql2';`],
    ['src/core/a.ts', `import { Command } from '@oclif/core';`],
    ['src/core/a.ts', `import { Command } from '@oclif/core/lib/command.js';`],
    ['src/cli/a.ts', `import knex from 'knex';`],
    ['src/commands/a.ts', `const mysql = await import('mysql2/promise');`],
  ])('refuses a package of another layer in %s: %s', (path, text) => {
    expect(broken(path, text)).toEqual(['package']);
  });

  it.each<[string, string]>([
    ['src/core/a.ts', 'const home = process.env.HOME;'],
    ['src/core/db/a.ts', 'listen(process);'],
    ['src/core/domain/a.ts', 'const it = { process };'],
    ['src/core/a.ts', 'globalThis.process.exit(1);'],
    ['src/core/a.ts', `import { argv } from 'node:process';`],
    ['src/core/handlers/processes/process-group.ts', `import process from 'node:process';`],
    ['src/core/handlers/processes/process-group.ts', 'process.kill(-1);'],
    ['src/core/runtime/clock.ts', 'process.hrtime();'],
  ])('refuses process in %s: %s', (path, text) => {
    expect(broken(path, text)).toContain('process');
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

  it.each(['console.log(1);', 'const log = console;', `import { log } from 'node:console';`])(
    'refuses %s everywhere',
    (text) => {
      expect(broken('src/core/a.ts', text)).toEqual(['console']);
      expect(broken('src/commands/a.ts', text)).toEqual(['console']);
    },
  );

  it.each([
    'const at = Date.now();',
    'const now = Date.now;',
    'const at = new Date();',
    'const at = Date();',
    'performance.now();',
    `import { performance as p } from 'node:perf_hooks';`,
  ])('refuses the clock of this machine: %s', (text) => {
    expect(broken('src/core/a.ts', text)).toEqual(['clock']);
    expect(broken('src/cli/a.ts', text)).toEqual(['clock']);
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

  it.each([
    'src/core/utils.ts',
    'src/cli/types.ts',
    'src/core/worker/helpers.ts',
    'src/core/helpers/a.ts',
    'src/core/worker/lane-book.ts',
    'src/core/ring/desk/a.ts',
    'src/core/bench/a.ts',
  ])('refuses the name %s', (path) => {
    expect(broken(path, '')).toEqual(['name']);
  });

  it.each(['export default class A {}', 'const a = 1; export default a;', 'const a = 1; export { a as default };'])(
    'refuses outside of src/commands: %s',
    (text) => {
      expect(broken('src/core/a.ts', text)).toEqual(['default export']);
      expect(broken('src/commands/a.ts', text)).toEqual([]);
    },
  );

  it('refuses an import without its extension', () => {
    expect(broken('src/core/a.ts', `import { b } from './b';`)).toContain('extension');
    expect(broken('src/core/a.ts', `import { b } from './b.js';`)).toEqual(['extension']);
  });
});
