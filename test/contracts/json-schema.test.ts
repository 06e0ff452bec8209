// RC1, RC2: with --json stdout holds one JSON value in every outcome, and the exit code is that of its error. Here the
// outcomes that need no server; those of a success are in test/commands/json-shapes.test.ts.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/core/domain/errors.ts';
import { runCommand as runProgram } from '../helpers/command.ts';
import { runCommand } from '../unit/cli/run-command.ts';

const COMMANDS = fileURLToPath(new URL('../../src/commands/', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../golden/json/', import.meta.url));

const commands = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, id: file.replace(/(\/index)?\.ts$/, '').replaceAll('/', ':') }));

/** Commands of the private server: they need no database, and have their tests in test/integration/server. */
const OWN_SERVER = /^db:/;
/** They do without a database: config:show says so in its answer, the others never ask for one. */
const WITHOUT = new Set(['config:show', 'run', 'secrets:key', 'devices:ca', 'devices:enroll']);
/** Before it connects, it reads the key. */
const KEY = join(mkdtempSync(join(tmpdir(), 'afd-key-')), 'audit.key');
writeFileSync(KEY, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
/** What a command needs besides flags that are required. */
const ARGUMENTS: Record<string, string[]> = {
  'tasks:import': [fileURLToPath(new URL('../../package.json', import.meta.url)), '--format', 'csv'],
  'tasks:export': ['--output', '/dev/null', '--format', 'csv'],
  'devices:certificates:revoke': ['--device', 'w'],
  'audit:export': ['--output', '/dev/null'],
  'audit:checkpoint': ['--key', KEY],
  'keys:create': ['a', '--role', 'viewer'],
  worker: ['--device-id', 'w'],
  start: ['--mode', 'worker'],
};

async function load(file: string): Promise<Command.Class> {
  return ((await import(pathToFileURL(`${COMMANDS}${file}`).href)) as { default: Command.Class }).default;
}

function argvOf(id: string, command: Command.Class): string[] {
  const required = Object.entries(command.flags ?? {}).filter(([, flag]) => flag.required);
  return (
    ARGUMENTS[id] ?? [
      ...Object.values(command.args ?? {}).map(() => '1'),
      ...required.flatMap(([name]) => [`--${name}`, 'a']),
    ]
  );
}

interface Failed {
  error: { code: ErrorCode; message: string; suggestions: string[]; data: Record<string, unknown> };
}

describe.each(commands)('RC2 afd $id --json', ({ file, id }) => {
  const run = async (argv: string[]) => {
    const ran = await runCommand(await load(file), id, [...argv, '--json'], {
      ...{ AFD_CONFIG: '/dev/null', AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:1/afd', AFD_LOG_LEVEL: 'silent' },
    });
    return { ...ran, error: (ran.json() as unknown as Failed).error };
  };

  it('a flag that does not exist is a usage error, as JSON, exit 2', async () => {
    const { error, exitCode } = await run(['--no-such-flag']);
    expect(error).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('--no-such-flag') });
    expect([exitCode, Object.keys(error).sort()]).toEqual([2, ['code', 'data', 'message', 'suggestions']]);
  });

  if (OWN_SERVER.test(id) || WITHOUT.has(id)) return;
  // A worker looks at its handlers before it looks for a database, and there are none here.
  const code = id === 'worker' || id === 'start' ? 'E_CONFIG' : 'E_DATABASE';
  it(`without a database it ends with ${code}, as JSON, exit ${ERROR_CODES[code].exit}`, async () => {
    const command = await load(file);
    // A node would wait for it.
    const now = 'wait-database' in (command.flags ?? {}) ? ['--wait-database', '0'] : [];
    const { error, exitCode } = await run([...argvOf(id, command), ...now]);
    expect(error).toMatchObject({ code, message: expect.any(String), suggestions: expect.any(Array) });
    // Which database that was, and who named it.
    if (code === 'E_DATABASE') expect(error.suggestions).toEqual(['afd config show']);
    expect(exitCode).toBe(ERROR_CODES[code].exit);
  });
});

it.each([
  ['help', '--json'],
  ['help', '--no-such-flag', '--json'],
])('finding B11: afd %s %s fails as every command does, as JSON, exit 2', async (...args) => {
  const run = await runProgram(args, { cwd: tmpdir() });
  expect([run.code, run.stderr]).toEqual([2, '']);
  expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'E_USAGE', suggestions: ['afd help --help'] } });
  const text = await runProgram(args.filter((one) => one !== '--json').concat('--wrong'), { cwd: tmpdir() });
  expect(text.stderr).toMatch(/^Error: There is no flag .*--wrong.*\. \[E_USAGE\]\n {2}Try: afd help --help\n$/);
});

it('RC1 each command has the shape of its JSON on record, and no other has', () => {
  const golden = readdirSync(GOLDEN).map((name) => name.replace(/\.json$/, ''));
  const expected = commands
    .map(({ id }) => id)
    .filter((id) => !OWN_SERVER.test(id))
    .map((id) => id.replaceAll(':', '-'));
  const missing = expected.filter((id) => !golden.some((name) => name === id || name === `${id}-once`));
  expect(missing).toEqual([]);
  const known = (name: string) =>
    expected.some((id) => name === id || name === `${id}-once` || name === `${id}-status`);
  expect(golden.filter((name) => !known(name))).toEqual([]);
});
