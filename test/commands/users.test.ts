import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { PasswordHasher } from '../../src/core/access/password-hash.ts';
import { BIN, runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { it } from '../helpers/fixture.ts';
import { skipBecause } from '../helpers/skip.ts';
import { until } from '../helpers/wait.ts';
import { folder } from '../unit/core/config/config-folder.ts';

const PASSWORD = 'canary horse battery';
let db: TestDatabase;
let cwd: string;
it.beforeEach(({ given }) => {
  ({ db } = given);
  cwd = folder({ 'password.txt': `${PASSWORD}\n`, 'short.txt': 'canary\n' });
});

const run = (...args: string[]) => runCommand(['users', ...args], { cwd, env: { AFD_DATABASE_URL: db.url } });
const FILE = ['--password-file', 'password.txt'];

/** With this on its standard input. */
async function typed(input: string, ...args: string[]) {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [BIN, 'users', ...args], { cwd, env: { PATH, AFD_DATABASE_URL: db.url } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code: code as number, said };
}

async function isPassword(name: string, password: string): Promise<boolean> {
  const session = await db.session();
  const [row] = await session.rows(`SELECT password_hash FROM ${db.names.user} WHERE name = ?`, [name]);
  return (await new PasswordHasher().verify(password, row!.password_hash as string, 'n')).ok;
}

it('afd users adds, lists, changes, disables and removes people, and prints no password', async () => {
  expect((await run('ls')).stdout).toBe('There are no users. Add one with "afd users add NAME --role ROLE".\n');
  const all = [
    await run('add', 'alice', '--role', 'operator', ...FILE),
    await run('ls'),
    await run('role', 'Alice', '--role', 'admin'),
    await run('password', 'alice', ...FILE),
    await run('disable', 'alice'),
    await run('ls'),
    await run('enable', 'alice'),
    await run('rm', 'alice'),
  ];
  for (const { code, stderr } of all) expect([code, stderr]).toEqual([0, '']);
  const said = all.map((one) => one.stdout);
  expect(said[0]).toBe('alice is added with the role operator.\n');
  expect(said[1]).toMatch(/alice +operator +active +never /);
  expect(said[2]).toMatch(/^alice has the role admin\. Sessions of before have ended/);
  expect(said[3]).toMatch(/^The password of alice is set\. /);
  expect(said[4]).toMatch(/^alice is disabled since /);
  expect(said[5]).toMatch(/alice +admin +disabled /);
  expect(said[6]).toBe('alice may sign in.\n');
  expect(said[7]).toMatch(/^alice is removed\. /);
  expect(said.join()).not.toContain('canary');
  const session = await db.session();
  const rows = await session.rows(`SELECT action, object_id FROM ${db.names.auditLog} ORDER BY id`);
  expect(rows.map((row) => `${row.action} ${row.object_id}`)).toEqual(
    ['add', 'role', 'password', 'disable', 'enable', 'remove'].map((one) => `users.${one} alice`),
  );
});

it('afd users reads a password from standard input', async () => {
  const { code, said } = await typed(`${PASSWORD}\n`, 'add', 'alice', '--role', 'viewer');
  expect([code, said]).toEqual([0, 'alice is added with the role viewer.\n']);
  expect(await isPassword('alice', PASSWORD)).toBe(true);
  const next = await typed('another canary battery', 'password', 'alice');
  expect(next.code).toBe(0);
  expect(await isPassword('alice', 'another canary battery')).toBe(true);
  const none = await typed('', 'password', 'alice');
  expect([none.code, none.said]).toEqual([2, expect.stringContaining('No password was given.')]);
});

it('afd users adds a person without a password, who gets one by afd users password', async () => {
  const added = await run('add', 'carol', '--role', 'viewer', '--without-password');
  expect([added.code, added.stdout]).toEqual([0, 'carol is added with the role viewer.\n']);
  expect((await run('ls')).stdout).toMatch(/carol +viewer +active +never +none \(OpenID Connect\) /);
  const { users } = JSON.parse((await run('ls', '--json')).stdout);
  expect(users).toEqual([expect.objectContaining({ name: 'carol', password_changed_at: null })]);
  expect((await run('password', 'carol', ...FILE)).code).toBe(0);
  expect(await isPassword('carol', PASSWORD)).toBe(true);
});

it('what cannot be is refused, with the exit code for it', async () => {
  expect((await run('add', 'alice', '--role', 'viewer', ...FILE)).code).toBe(0);
  const refused: Array<[number, string[]]> = [
    [5, ['add', 'ALICE', '--role', 'viewer', ...FILE]],
    [2, ['add', 'a b', '--role', 'viewer', ...FILE]],
    [2, ['add', 'bob', '--role', 'device', ...FILE]],
    [2, ['add', 'bob', '--role', 'viewer', '--password-file', 'short.txt']],
    [3, ['add', 'bob', '--role', 'viewer', '--password-file', 'none.txt']],
    [2, ['add', 'bob', '--role', 'viewer', '--password', PASSWORD]],
    [2, ['add', 'bob', '--role', 'viewer', '--without-password', ...FILE]],
    [2, ['role', 'alice', '--role', 'device']],
    [3, ['password', 'nobody', ...FILE]],
    [3, ['disable', 'nobody']],
    [3, ['enable', 'nobody']],
    [3, ['rm', 'nobody']],
  ];
  for (const [code, args] of refused) {
    const { code: actual, stdout, stderr } = await run(...args);
    expect([args, actual]).toEqual([args, code]);
    expect(stdout + stderr).not.toMatch(/canary(?! horse)/);
  }
});

const noTerminal =
  spawnSync('script', ['--version']).status === 0 ? undefined : 'the program script (util-linux) is not installed';

/** `afd users add alice` on a terminal; `said` is what stands on it. */
function onTerminal() {
  const command = `${process.execPath} ${BIN} users add alice --role viewer`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    ...{ cwd, env: { ...process.env, AFD_DATABASE_URL: db.url } },
  });
  const terminal = { said: '', type: (keys: string) => child.stdin.write(keys), closed: once(child, 'close') };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    terminal.said += text;
  });
  return terminal;
}

it('on a terminal the password is asked for twice, and not shown', skipBecause(noTerminal), async () => {
  const ask = async (first: string, second: string) => {
    const terminal = onTerminal();
    await until(async () => terminal.said.includes('Password:'), undefined, 'the first question');
    terminal.type(`${first}\r`);
    await until(async () => terminal.said.includes('The same again:'), undefined, 'the second question');
    terminal.type(`${second}\r`);
    const [code] = await terminal.closed;
    expect(terminal.said).not.toContain('canary');
    return { code, said: terminal.said };
  };
  const other = await ask(PASSWORD, `${PASSWORD}!`);
  expect([other.code, other.said]).toEqual([2, expect.stringContaining('The two passwords are not the same.')]);
  expect((await ask(PASSWORD, PASSWORD)).code).toBe(0);
  expect(await isPassword('alice', PASSWORD)).toBe(true);
});

it('Ctrl-C at the question for a password ends the command by that signal', skipBecause(noTerminal), async () => {
  const terminal = onTerminal();
  await until(async () => terminal.said.includes('Password:'), undefined, 'the question');
  terminal.type('canary\u0003');
  const [code] = await terminal.closed;
  expect([code, terminal.said]).toEqual([130, expect.not.stringMatching(/canary|Error/)]);
  expect((await run('ls')).stdout).toMatch(/^There are no users/);
});
