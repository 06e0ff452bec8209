// The registry of errors, its page, and the places that raise them.
import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { AfdError, ERROR_CODES, type ErrorCode, type ErrorFacts } from '../../src/core/domain/errors.ts';
import { projectFiles, readProjectFile } from './project-files.ts';

const { errorsPage } = (await import(new URL('../../scripts/errors-page.mjs', import.meta.url).href)) as {
  errorsPage(codes: Record<string, ErrorFacts>): string;
};

const REGISTRY = 'src/core/domain/errors.ts';
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const COMMANDS = fileURLToPath(new URL('../../src/commands/', import.meta.url));
/** `migrate/index.ts` → `migrate`, `tasks/ls.ts` → `tasks ls`. */
const ids = new Map(
  readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file.replace(/(\/index)?\.ts$/, '').replaceAll('/', ' '), file]),
);

/** Codes with which a source text makes an error: by its constructor, by `super`, or in a table that is handed to one. */
function raised(text: string): string[] {
  return [...text.matchAll(/(?:new \w*Error\(|super\(|\bcode:)\s*'(E_[A-Z_]+)'/g)].map(([, code]) => code ?? '');
}

/** What is wrong with a command to try; empty when it can be typed. */
async function wrongWith(line: string): Promise<string[]> {
  const [program, ...words] = line.split(' ');
  if (program !== 'afd' || words.length === 0) return [`${line} is no command of afd`];
  if (words.length === 1 && ['--help', '--version'].includes(words[0]!)) return [];
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  const end = words.findIndex((word) => word.startsWith('--'));
  const id = (end === -1 ? words : words.slice(0, end)).join(' ');
  const file = ids.get(id);
  if (file === undefined) return [`there is no command afd ${id}`];
  const { default: command } = (await import(pathToFileURL(`${COMMANDS}${file}`).href)) as { default: Command.Class };
  const known = { ...command.baseFlags, ...command.flags, json: true, help: true };
  return flags.filter((flag) => !(flag in known)).map((flag) => `afd ${id} has no flag --${flag}`);
}

describe('docs/reference/errors.md', () => {
  it('is what scripts/errors-page.mjs writes from the registry', () => {
    expect(readProjectFile('docs/reference/errors.md')).toBe(errorsPage(ERROR_CODES));
  });

  it('has a row for each code, with its exit code, meaning, remedy and command', () => {
    expect(errorsPage({ E_A: { exit: 5, means: 'It is so.', remedy: 'Do that.', command: 'afd status' } })).toContain(
      '\n| `E_A` | 5 | It is so. | Do that. | `afd status` |\n',
    );
  });
});

describe('an error of afd', () => {
  it.each(CODES)('%s carries the exit code of the registry', (code) => {
    expect(new AfdError(code, 'it failed').exitCode).toBe(ERROR_CODES[code].exit);
    expect(ERROR_CODES[code].exit).toBeGreaterThan(0);
  });

  it.each(CODES)('%s says in whole sentences what it means and what to do', (code) => {
    expect(ERROR_CODES[code].means).toMatch(/^[A-Z].*\.$/);
    expect(ERROR_CODES[code].remedy).toMatch(/^[A-Z].*\.$/);
  });

  it.each(CODES)('%s has a command to try, which afd has', async (code) => {
    expect(await wrongWith(ERROR_CODES[code].command)).toEqual([]);
  });

  it('is refused a command that does not exist', async () => {
    expect(await wrongWith('afd tasks ls --status failed')).toEqual([]);
    expect(await wrongWith('afd tasks list')).toEqual(['there is no command afd tasks list']);
    expect(await wrongWith('afd status --now')).toEqual(['afd status has no flag --now']);
    expect(await wrongWith('read the manual')).toEqual(['read the manual is no command of afd']);
  });

  it('is raised somewhere, whatever its code', () => {
    const files = projectFiles().filter((path) => /^src\/.*\.ts$/.test(path) && path !== REGISTRY);
    const found = new Set(files.flatMap((path) => raised(readProjectFile(path) ?? '')));
    expect(CODES.filter((code) => !found.has(code))).toEqual([]);
    expect([...found].filter((code) => !CODES.includes(code as ErrorCode))).toEqual([]);
  });

  it('is found where it is made, not where it is compared', () => {
    const made = "new AfdError(\n  'E_A', x); super('E_B', x); { code: 'E_C' }; new DatabaseError('E_D', x)";
    expect(raised(made)).toEqual(['E_A', 'E_B', 'E_C', 'E_D']);
    expect(raised("if (error.code === 'E_A' || known('E_B')) return; // E_C")).toEqual([]);
  });
});
