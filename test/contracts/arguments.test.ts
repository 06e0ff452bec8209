// H4: a command that reads an argument which it does not declare crashes when it starts.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS } from '../../src/core/config/config-keys.ts';

const COMMANDS = fileURLToPath(new URL('../../src/commands/', import.meta.url));
const files = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
type Class = Command.Class & { configFlags?: Record<string, string> };

async function load(file: string): Promise<Class> {
  return ((await import(pathToFileURL(`${COMMANDS}${file}`).href)) as { default: Class }).default;
}

/** `flags.x`, `flags['x']`, `args.x` of a source text, and what it takes out of them by name. */
function reads(text: string, of: 'flags' | 'args'): string[] {
  const code = text.replace(/^import .*$/gm, '');
  const dotted = [...code.matchAll(new RegExp(`\\b${of}\\.([a-z_]\\w*)|\\b${of}\\['([^']+)'\\]`, 'g'))];
  const destructured = [...code.matchAll(new RegExp(`\\{([^{}]*)\\} = ${of};`, 'g'))].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.split(':')[0]!.trim().replaceAll("'", '')),
  );
  return [...dotted.map(([, a, b]) => (a ?? b)!), ...destructured].filter(
    (name) => name !== '' && !name.startsWith('...'),
  );
}

describe.each(files)('H4 src/commands/%s', (file) => {
  const text = readFileSync(`${COMMANDS}${file}`, 'utf8');

  it('reads only flags and arguments that it declares, and sets only keys that exist', async () => {
    const command = await load(file);
    const flags = Object.keys({ ...command.baseFlags, ...command.flags });
    expect(reads(text, 'flags').filter((name) => !flags.includes(name))).toEqual([]);
    expect(reads(text, 'args').filter((name) => !Object.keys(command.args ?? {}).includes(name))).toEqual([]);
    const set = Object.entries(command.configFlags ?? {});
    expect(set.filter(([flag, key]) => !flags.includes(flag) || !CONFIG_KEYS.includes(key))).toEqual([]);
  });
});

it('finds an argument that is read and not declared', () => {
  const text = "import { flags } from 'x';\nflags.a; flags['b-c']; args.d;\nconst { e, 'f-g': h } = flags;";
  expect([reads(text, 'flags'), reads(text, 'args')]).toEqual([['a', 'b-c', 'e', 'f-g'], ['d']]);
});
