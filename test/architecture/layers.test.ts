import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSources, MAY_IMPORT, RULES, type Rule } from './layer-rules.ts';

const ROOT = new URL('../../', import.meta.url);

describe('the sources in src/', () => {
  const paths = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' }).sort();
  const sources = paths
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: `src/${name}`, text: readFileSync(new URL(`src/${name}`, ROOT), 'utf8') }));
  const violations = checkSources(sources);

  it.each(Object.entries(RULES))('%s: they %s', (rule) => {
    const lines = violations.filter((v) => v.rule === rule).map((v) => `${v.path}:${v.line} ${v.message}`);
    expect(lines).toEqual([]);
  });

  it('are all read, and use every dependency of the package in a layer that the table names', () => {
    expect(sources.map((s) => s.path)).toContain('src/core/runtime/clock.ts');
    const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { dependencies: object };
    const known = Object.values(MAY_IMPORT).flatMap(({ packages }) => packages);
    const homeless = Object.keys(manifest.dependencies).filter((name) => !known.includes(name));
    expect(homeless.filter((name) => !name.startsWith('@oclif/plugin-'))).toEqual([]);
  });
});

describe('the checker', () => {
  /** The rules that a file of this text, alone at this path, breaks. */
  const broken = (path: string, text: string) => checkSources([{ path, text }]).map((violation) => violation.rule);

  it.each<[Rule, string, string]>([
    ['layer', 'src/core/domain/a.ts', `import type { B } from '../db/b.ts';`],
    ['layer', 'src/core/db/a.ts', `export { b } from '../b.ts';`],
    ['layer', 'src/core/a.ts', `const b = await import('../cli/b.ts');`],
    ['layer', 'src/cli/a.ts', `import { b } from '../commands/b.ts';`],
    ['layer', 'src/commands/a.ts', `type B = import('../core/db/b.ts').B;`],
    ['layer', 'src/commands/a.ts', `import { type A, b } from '../core/domain/b.ts';`],
    ['layer', 'src/extra/a.ts', ''],
    ['package', 'src/core/domain/a.ts', `import { readFile } from 'node:fs/promises';`],
    ['package', 'src/core/a.ts', `import type { Connection } from 'mysql2';`],
    ['package', 'src/core/a.ts', `import { Command } from '@oclif/core/lib/command.js';`],
    ['process', 'src/core/a.ts', 'const home = process.env.HOME;'],
    ['process', 'src/core/domain/a.ts', 'const it = { process };'],
    ['process', 'src/core/a.ts', 'globalThis.process.exit(1);'],
    ['process', 'src/core/a.ts', `import { argv } from 'node:process';`],
    ['process', 'src/core/handlers/processes/process-group.ts', `import process from 'node:process';`],
    ['console', 'src/commands/a.ts', 'const log = console;'],
    ['console', 'src/core/a.ts', `import { log } from 'node:console';`],
    ['clock', 'src/core/a.ts', 'const now = Date.now;'],
    ['clock', 'src/cli/a.ts', 'const at = new Date();'],
    ['clock', 'src/core/a.ts', 'performance.now();'],
    ['clock', 'src/core/a.ts', `import { performance as p } from 'node:perf_hooks';`],
    ['default export', 'src/core/a.ts', 'export default class A {}'],
    ['default export', 'src/core/a.ts', 'const a = 1; export default a;'],
    ['default export', 'src/core/a.ts', 'const a = 1; export { a as default };'],
    ['extension', 'src/core/a.ts', `import { b } from './b.js';`],
    ['name', 'src/core/worker/lane-book.ts', ''],
  ])('refuses by the rule of the %s, in %s: %s', (rule, path, text) => {
    expect(new Set(broken(path, text))).toEqual(new Set([rule]));
  });

  it.each<[string, string]>([
    ['src/core/node/thread/liveness-thread.ts', 'process.exit(1);'],
    ['src/core/handlers/processes/process-group.ts', `import { kill } from 'node:process';`],
    ['src/core/runtime/clock.ts', `import { hrtime } from 'node:process'; const at = new Date();`],
    ['src/core/a.ts', 'const a = task.process; const b = { process: 1 }; // process.env'],
    ['src/core/a.ts', `const sql = 'console.log(Date.now())'; const at = new Date(0);`],
    ['src/commands/a.ts', `import type { Task } from '../core/domain/task.ts'; export default class A {}`],
    ['src/cli/a.ts', `import { AfdError } from '../core/domain/errors.ts';`],
  ])('accepts the exceptions and what is only similar: %s: %s', (path, text) => {
    expect(broken(path, text)).toEqual([]);
  });

  it('refuses a circle of imports, once, and folders that import each other, though no file does', () => {
    const found = (imports: Record<string, string>) => {
      const text = (other: string) => `import type { A } from '${other}';`;
      const files = Object.entries(imports).map(([path, other]) => ({ path: `src/core/${path}`, text: text(other) }));
      return checkSources(files).map((one) => `${one.rule}: ${one.message}`);
    };
    expect(found({ 'a.ts': './b.ts', 'b.ts': './c.ts', 'c.ts': './a.ts', 'd.ts': './a.ts' })).toEqual([
      'circular: imports itself by way of src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts',
    ]);
    expect(found({ 'a/one.ts': '../b/one.ts', 'b/two.ts': '../a/two.ts' })).toEqual([
      'folder: imports itself by way of src/core/a → src/core/b → src/core/a',
    ]);
  });

  it('refuses a folder of 23 files', () => {
    const files = Array.from({ length: 23 }, (_, n) => ({ path: `src/core/a/f${n}.ts`, text: '' }));
    expect(checkSources(files.slice(1))).toEqual([]);
    expect(checkSources(files).map((v) => v.message)).toEqual(['holds 23 files; at most 22']);
  });

  it.each<[string, number]>([
    ['src/core/a.ts', 250],
    ['src/core/db/tasks/a.ts', 80],
    ['src/core/db/claim/take-tasks.ts', 250],
    ['src/core/db/claim/statements.ts', 400],
    ['src/commands/a.ts', 60],
  ])('refuses %s above %i lines', (path, limit) => {
    expect(broken(path, '// why\n'.repeat(limit))).toEqual([]);
    expect(broken(path, '// why\n'.repeat(limit + 1))).toEqual(['length']);
  });
});
