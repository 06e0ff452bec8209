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
});

describe('an error of afd', () => {
  it.each(CODES)('%s carries its exit code, whole sentences, and a command which afd has', async (code) => {
    const { exit, means, remedy, command } = ERROR_CODES[code];
    expect(new AfdError(code, 'it failed').exitCode).toBe(exit);
    expect(exit).toBeGreaterThan(0);
    for (const sentence of [means, remedy]) expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(await wrongWith(command)).toEqual([]);
  });

  it('is raised somewhere, whatever its code', () => {
    const files = projectFiles().filter((path) => /^src\/.*\.ts$/.test(path) && path !== REGISTRY);
    const found = new Set(files.flatMap((path) => raised(readProjectFile(path) ?? '')));
    expect(CODES.filter((code) => !found.has(code))).toEqual([]);
    expect([...found].filter((code) => !CODES.includes(code as ErrorCode))).toEqual([]);
  });
});
