// H4: a command that reads an argument which it does not declare crashes when it starts.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS } from '../../src/core/config/config-keys.ts';
import { runCommand } from '../unit/cli/run-command.ts';

const COMMANDS = fileURLToPath(new URL('../../src/commands/', import.meta.url));
const files = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
/** They start, stop and open a server of their own, and have their tests in test/integration/server. */
const OWN_SERVER = /^db\//;

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

  // Those of the private server need none, and would start or stop one.
  if (OWN_SERVER.test(file)) return;
  it('starts: without a database it ends in a way that it announces', async () => {
    const command = await load(file);
    const id = file.replace(/(\/index)?\.ts$/, '').replaceAll('/', ':');
    const argv = [
      ...Object.values(command.args ?? {}).map(() => '1'),
      ...Object.entries(command.flags ?? {}).flatMap(([name, flag]) => (flag.required ? [`--${name}`, 'a'] : [])),
      // A node would wait for it.
      ...('wait-database' in (command.flags ?? {}) ? ['--wait-database', '0'] : []),
    ];
    const ran = await runCommand(command, id, [...argv, '--json'], {
      AFD_CONFIG: '/dev/null',
      AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:1/afd',
      AFD_LOG_LEVEL: 'silent',
    });
    const { error } = ran.json() as { error?: { code: string; message: string } };
    expect(error?.code, error?.message).not.toBe('E_INTERNAL');
    expect([0, 1, 2, 3, 69, 78]).toContain(ran.exitCode);
  });
});

it('finds an argument that is read and not declared', () => {
  const text = "import { flags } from 'x';\nflags.a; flags['b-c']; args.d;\nconst { e, 'f-g': h } = flags;";
  expect([reads(text, 'flags'), reads(text, 'args')]).toEqual([['a', 'b-c', 'e', 'f-g'], ['d']]);
});
