import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { folder } from './config-folder.ts';

const uid = process.getuid!();
const WITH_FILE = { 'afd.yaml': 'database: { host: 127.0.0.1, user: a, name: s, password_file: secret }' };
const PLAIN = { 'afd.yaml': 'database: { url: "mysql://a@127.0.0.1/s" }' };

/** Loads with the mode of one of its files set. */
async function withMode(files: Record<string, string>, name: string, mode: number, own = uid) {
  const cwd = folder(files);
  chmodSync(join(cwd, name), mode);
  return loadConfig({ cwd, env: {}, uid: own });
}

describe('finding S14: a password file', () => {
  const files = { ...WITH_FILE, secret: 'hunter2\n' };

  it.each([
    ['all users can read', 0o604],
    ['other users can write', 0o602],
    ['other users can write', 0o620],
  ])('is refused where %s it: %o', async (why, mode) => {
    const said = new RegExp(`${why} /.*secret: run chmod 600 /.*secret$`);
    await expect(withMode(files, 'secret', mode)).rejects.toThrow(said);
  });

  it('that its group can read is taken with a warning, unless it is root’s and this user is not; a private one without', async () => {
    const own = await withMode(files, 'secret', 0o640);
    expect(own.database.password).toBe('hunter2');
    const sentence = /secret contains a password, and its group can read it: run chmod 600/;
    expect(own.remarks).toEqual([expect.stringMatching(sentence)]);
    const roots = await withMode(files, 'secret', 0o640, uid + 1);
    expect(roots.remarks.filter((one) => one.includes('group'))).toEqual([]);
    expect((await withMode(files, 'secret', 0o400)).remarks).toEqual([]);
  });

  it.each([
    ['a folder', '/', 'it is a directory'],
    ['a device without end, or far too large,', '/dev/zero', 'it is larger than 1 MiB'],
  ])('that is %s is refused', async (_, target, why) => {
    const cwd = folder(WITH_FILE);
    symlinkSync(target, join(cwd, 'secret'));
    await expect(loadConfig({ cwd, env: {} })).rejects.toThrow(why);
  });

  it.each([
    ['secret', WITH_FILE, 'password_file cannot be read: it is a pipe, and no more data arrived within 2 s'],
    ['afd.yaml', {}, 'afd.yaml cannot be read: it is a pipe'],
  ])('or a configuration that is a pipe nobody writes to holds up nobody: %s', async (name, others, why) => {
    const cwd = folder(others);
    execFileSync('mkfifo', ['-m', '600', join(cwd, name)]);
    await expect(loadConfig({ cwd, env: {} })).rejects.toThrow(why);
  });
});

describe('finding S14: a configuration', () => {
  it.each([
    ['database: { host: 127.0.0.1, user: a, name: s, password: hunter2 }', 'database.password'],
    ['database: { url: "mysql://a:hunter2@127.0.0.1/s" }', 'database.url'],
  ])('that holds a password is held to the same, and one without to nothing: %s', async (yaml, key) => {
    const files = { 'afd.yaml': yaml };
    const why = `afd.yaml:1: ${key} is a secret, and all users can read /[^:]*afd.yaml: run chmod 600 [^ ]*$`;
    await expect(withMode(files, 'afd.yaml', 0o644)).rejects.toThrow(new RegExp(why));
    await expect(withMode(files, 'afd.yaml', 0o660)).rejects.toThrow('afd.yaml: run chmod 600');
    const sentence = 'afd.yaml contains a password, and its group can read it: run chmod 600';
    const { remarks } = await withMode(files, 'afd.yaml', 0o640);
    expect(remarks).toEqual([expect.stringContaining(sentence)]);
    expect((await withMode(PLAIN, 'afd.yaml', 0o644)).remarks).toEqual([]);
  });

  it('that comes by a pipe is read once by each command', () => {
    const yaml =
      'mode: worker\\nhandlers: { a: { exec: [no-such-program] } }\\ndatabase: { url: "mysql://u@[::1]:1/s" }';
    const line = `"$@" --config <(printf '${yaml}')`;
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    const argv = ['--norc', '-c', line, 'bash', process.execPath, 'bin/run.js', 'start', '--json'];
    const { status, stdout } = spawnSync('bash', argv, { env, encoding: 'utf8' });
    // Not "no database", nor "no mode": the second check has what the first had.
    expect([status, JSON.parse(stdout).error.code]).toEqual([78, 'E_HANDLER_MISSING']);
  });
});

describe('finding S13: whose configuration it is', () => {
  const owner = (id: number) =>
    `afd.yaml belongs to another user (uid ${id}), who can choose the database and the programs that run on this machine`;

  it('is said when another user owns it, who is not root', async () => {
    const { remarks, warnings } = await withMode(PLAIN, 'afd.yaml', 0o600, uid + 1);
    expect(remarks).toEqual(uid === 0 ? [] : [owner(uid)]);
    expect(warnings).toEqual(remarks);
    if (uid !== 0) return;
    const cwd = folder(PLAIN);
    chownSync(join(cwd, 'afd.yaml'), 65_534, 65_534);
    expect((await loadConfig({ cwd, env: {}, uid })).remarks).toEqual([owner(65_534)]);
  });

  it.each([0o664, 0o646])('is said when others can write it: %o', async (mode) => {
    const sentence = 'other users can write afd.yaml, and so run any program as this user: run chmod go-w afd.yaml';
    expect((await withMode(PLAIN, 'afd.yaml', mode)).remarks).toEqual([sentence]);
  });
});
