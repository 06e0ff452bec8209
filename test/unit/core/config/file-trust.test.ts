import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { folder } from './config-folder.ts';

const uid = process.getuid!();
const PASSWORD_FILE = 'database: { host: 127.0.0.1, user: a, name: s, password_file: secret }\n';

/** Loads with the mode of one of its files set. */
async function withMode(files: Record<string, string>, name: string, mode: number, own = uid) {
  const cwd = folder(files);
  chmodSync(join(cwd, name), mode);
  return loadConfig({ cwd, env: {}, uid: own });
}
const refused = (...args: Parameters<typeof withMode>) =>
  withMode(...args).then(
    () => 'accepted',
    (error: Error) => error.message,
  );

describe('finding S14: a password file', () => {
  const files = { 'afd.yaml': PASSWORD_FILE, secret: 'hunter2\n' };

  it.each([0o644, 0o604, 0o666])('that everybody can read is refused: %o', async (mode) => {
    expect(await refused(files, 'secret', mode)).toMatch(/all users can read \/.*secret: run chmod 600 \/.*secret$/);
  });

  it.each([0o622, 0o602, 0o620, 0o660])('that others can write is refused: %o', async (mode) => {
    expect(await refused(files, 'secret', mode)).toMatch(/other users can write \/.*secret: run chmod 600 \//);
  });

  it('that its group can read is taken with a warning, or without where it is root’s and this user is not', async () => {
    const own = await withMode(files, 'secret', 0o640);
    expect(own.database.password).toBe('hunter2');
    expect(own.remarks).toEqual([
      expect.stringMatching(/secret contains a password, and its group can read it: run chmod 600/),
    ]);
    const roots = await withMode(files, 'secret', 0o640, uid + 1);
    expect(roots.remarks.filter((one) => one.includes('group'))).toEqual([]);
  });

  it.each([0o600, 0o400])('that nobody else can read is taken: %o', async (mode) => {
    expect((await withMode(files, 'secret', mode)).remarks).toEqual([]);
  });

  it('that is a pipe nobody writes to holds up nobody', async () => {
    const cwd = folder({ 'afd.yaml': PASSWORD_FILE });
    execFileSync('mkfifo', ['-m', '600', join(cwd, 'secret')]);
    await expect(loadConfig({ cwd, env: {} })).rejects.toThrow(
      /password_file cannot be read: it is a pipe, and no more data arrived within 2 s/,
    );
  });

  it('may be a pipe to which a password manager writes', async () => {
    const load = join(process.cwd(), 'dist/core/config/load-config.js');
    const script = `import { loadConfig } from ${JSON.stringify(load)};
      console.log((await loadConfig({ cwd: '/', env: process.env })).database.password);`;
    const line = 'AFD_DATABASE_PASSWORD_FILE=<(printf "from a pipe\\n") "$@"';
    const login = { AFD_DATABASE_HOST: '127.0.0.1', AFD_DATABASE_USER: 'u', AFD_DATABASE_NAME: 's' };
    const env = { PATH: process.env.PATH, ...login };
    const argv = ['--norc', '-c', line, 'bash', process.execPath, '--input-type=module', '-e', script];
    expect(execFileSync('bash', argv, { env, encoding: 'utf8' })).toBe('from a pipe\n');
  });

  it.each([
    ['a folder', '/', 'it is a directory'],
    ['a device without end, or far too large,', '/dev/zero', 'it is larger than 1 MiB'],
  ])('that is %s is refused', async (_, target, why) => {
    const cwd = folder({ 'afd.yaml': PASSWORD_FILE });
    symlinkSync(target, join(cwd, 'secret'));
    await expect(loadConfig({ cwd, env: {} })).rejects.toThrow(why);
  });
});

describe('finding S14: a configuration that holds a password', () => {
  it.each([
    ['database: { host: 127.0.0.1, user: a, name: s, password: hunter2 }', 'database.password'],
    ['database: { url: "mysql://a:hunter2@127.0.0.1/s" }', 'database.url'],
  ])('is held to the same: %s', async (yaml, key) => {
    const files = { 'afd.yaml': yaml };
    for (const mode of [0o644, 0o604]) {
      const message = await refused(files, 'afd.yaml', mode);
      expect(message).toMatch(
        new RegExp(`afd.yaml:1: ${key} is a secret, and all users can read /.*afd.yaml: run chmod 600`),
      );
      expect(message).not.toContain('hunter2');
    }
    expect(await refused(files, 'afd.yaml', 0o660)).toContain('afd.yaml: run chmod 600');
    expect((await withMode(files, 'afd.yaml', 0o640)).remarks).toEqual([
      expect.stringContaining('afd.yaml contains a password, and its group can read it: run chmod 600'),
    ]);
    expect((await withMode(files, 'afd.yaml', 0o600)).remarks).toEqual([]);
  });

  it('is free to be read by everybody when there is none in it', async () => {
    const files = { 'afd.yaml': 'database: { url: "mysql://a@127.0.0.1/s" }' };
    expect((await withMode(files, 'afd.yaml', 0o644)).remarks).toEqual([]);
  });

  it('holds up nobody that is a pipe', async () => {
    const cwd = folder({});
    execFileSync('mkfifo', [join(cwd, 'afd.yaml')]);
    await expect(loadConfig({ cwd, env: {} })).rejects.toThrow(/afd\.yaml cannot be read: it is a pipe/);
  });
});

describe('finding S13: whose configuration it is', () => {
  const files = { 'afd.yaml': 'database: { url: "mysql://a@127.0.0.1/s" }' };

  it('is said when another user owns it', async () => {
    const { remarks, warnings } = await withMode(files, 'afd.yaml', 0o600, uid + 1);
    const sentence = `afd.yaml belongs to another user (uid ${uid}), who can choose the database and the programs that run on this machine`;
    // Root's are everybody's.
    expect(remarks).toEqual(uid === 0 ? [] : [sentence]);
    if (uid === 0) {
      const cwd = folder(files);
      writeFileSync(join(cwd, 'afd.yaml'), files['afd.yaml']);
      chownSync(join(cwd, 'afd.yaml'), 65_534, 65_534);
      const foreign = await loadConfig({ cwd, env: {}, uid });
      expect(foreign.remarks).toEqual([sentence.replace(`uid ${uid}`, 'uid 65534')]);
      expect(foreign.warnings).toEqual(foreign.remarks);
    }
    expect(warnings).toEqual(remarks);
  });

  it.each([0o664, 0o646, 0o666])('is said when others can write it: %o', async (mode) => {
    const { remarks } = await withMode(files, 'afd.yaml', mode);
    expect(remarks).toEqual([
      'other users can write afd.yaml, and so run any program as this user: run chmod go-w afd.yaml',
    ]);
  });
});

it('finding S14: a configuration that comes by a pipe is read once by each command', () => {
  const yaml =
    'mode: worker\\nhandlers: { a: { exec: [no-such-program] } }\\ndatabase: { host: 127.0.0.1, port: 1, user: u, name: s }';
  const line = `"$@" --config <(printf '${yaml}')`;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const afd = (...args: string[]) =>
    spawnSync('bash', ['--norc', '-c', line, 'bash', process.execPath, 'bin/run.js', ...args], {
      env,
      encoding: 'utf8',
    });
  const shown = afd('config', 'show', '--json');
  expect([shown.status, JSON.parse(shown.stdout).file]).toEqual([0, expect.stringContaining('/dev/fd/')]);
  // Not "no database", nor "no mode": the second check has what the first had.
  const started = afd('start', '--json');
  expect([started.status, JSON.parse(started.stdout).error.code]).toEqual([78, 'E_HANDLER_MISSING']);
});
