// Finding S4: nothing of a private server is trusted that another user owns, or may write.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  resetServer,
  serverStatus,
  serverUrl,
  startServer,
  stopServer,
} from '../../../src/core/server/embedded-server.ts';
import { embeddedServerUrl } from '../../../src/core/server/embedded-url.ts';
import { hostFrom } from '../../../src/core/server/host.ts';
import { serverFiles, socketPath } from '../../../src/core/server/server-directory.ts';
import { assertOwn } from '../../../src/core/server/server-trust.ts';
import { runCommand } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';

const host = hostFrom(process);
const uid = host.uid!;
const NOBODY = 65_534;
const REFUSED = { code: 'E_CONFLICT', exitCode: 5 };

let top: string;
let dir: string;
beforeEach(async () => {
  top = await ownDirectory(tmpdir());
  dir = join(top, '.afd');
});
afterEach(async () => {
  await stopServer(dir, host, 0).catch(() => undefined);
  await rm(top, { recursive: true, force: true });
});

/** `.afd/mysql` as a server leaves it that was started once. */
async function made(): Promise<void> {
  await mkdir(join(dir, 'mysql/data'), { recursive: true, mode: 0o700 });
  const record = '{"made_by": "afd", "created_at": "", "kind": "mariadb", "port": 1, "socket": "/s"}';
  const empty = { 'data/made-by-afd': '', 'setup.sql': '', 'server.log': '' };
  for (const [name, text] of Object.entries({ 'afd-server.json': record, password: 'known', ...empty }))
    await writeFile(join(dir, 'mysql', name), text, { mode: 0o600 });
}

it('finding S4: whatever is done with a server that another user has made is refused, and changes nothing', async () => {
  await made();
  const before = await readdir(join(dir, 'mysql'));
  // The same machine, seen by somebody else: what this process owns is foreign to him.
  const by = { ...host, uid: uid + 1 };
  const uses: Array<() => Promise<unknown>> = [
    () => startServer({ dir, host: by }),
    ...[serverStatus, serverUrl, stopServer, resetServer].map((one) => () => one(dir, by)),
    () => embeddedServerUrl(dir, by.uid),
  ];
  for (const use of uses)
    await expect(use()).rejects.toMatchObject({
      ...REFUSED,
      message: expect.stringMatching(
        /belongs to another user \(uid \d+\), so another user could control a private server/,
      ),
    });
  expect(await readdir(join(dir, 'mysql'))).toEqual(before);
  expect(await readFile(join(dir, 'mysql/password'), 'utf8')).toBe('known');
});

describe('finding S4: of one’s own server', () => {
  beforeEach(made);
  const refused = async (more: object = {}) =>
    expect(assertOwn(await serverFiles(dir), uid)).rejects.toMatchObject({ ...REFUSED, ...more });
  const taken = async (place = dir) => expect(assertOwn(await serverFiles(place), uid)).resolves.toBeUndefined();

  it.each(['.', 'mysql'])('the folder %s must not be writable by others, sticky or not', async (name) => {
    await chmod(join(dir, name), 0o777);
    await refused({ suggestions: expect.arrayContaining([`chmod go-w ${join(dir, name)}`]) });
    await chmod(join(dir, name), 0o1777);
    await refused();
  });

  it.each(['afd-server.json', 'password', 'setup.sql', 'data', 'data/made-by-afd'])(
    '%s must not be writable by others where they can come to it, and be no link',
    async (name) => {
      const path = join(dir, 'mysql', name);
      await chmod(path, name === 'data' ? 0o777 : 0o666);
      await taken();
      await chmod(join(dir, 'mysql'), 0o755);
      await refused();
      await rm(path, { recursive: true });
      await symlink('/', path);
      await refused({ message: expect.stringContaining('is not a regular') });
    },
  );

  it('a folder above must be sticky where others may write it, and a link of one’s own is followed', async () => {
    await chmod(top, 0o777);
    await refused({ data: { path: top } });
    await chmod(top, 0o1777);
    await taken();
    await symlink(dir, join(top, 'link'));
    await taken(join(top, 'link'));
  });
});

it('finding S4: reset deletes its own socket’s folder, and none that a record names', async () => {
  dir = join(top, 'a-folder-with-a-long-name'.repeat(5), '.afd');
  await made();
  const files = await serverFiles(dir);
  const here = { ...host, env: { ...host.env, TMPDIR: top } };
  const own = await socketPath(files, here);
  expect(own.startsWith(join(top, 'afd-'))).toBe(true);
  const victim = join(top, `afd-${uid}-0123456789abcdef`);
  await mkdir(victim, { mode: 0o700 });
  await writeFile(join(victim, 'kept'), '');
  const record = JSON.parse(await readFile(files.record, 'utf8')) as object;
  await writeFile(files.record, JSON.stringify({ ...record, socket: join(victim, 'server.sock') }));
  expect(await resetServer(dir, here)).toBe(true);
  expect(await readdir(victim)).toEqual(['kept']);
  expect([own.replace('/server.sock', ''), files.root].map((path) => existsSync(path))).toEqual([false, false]);
});

it('finding S4: the server writes files into one empty folder of its own, and all its folders are closed', async () => {
  const before = process.umask(0);
  const said: string[] = [];
  await startServer({ dir, host, say: (text) => said.push(text) }).finally(() => process.umask(before));
  for (const name of ['.', 'mysql', 'mysql/data', 'mysql/tmp', 'mysql/outfiles'])
    expect([name, lstatSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o700]);
  expect(lstatSync(join(dir, 'mysql/data/made-by-afd')).mode & 0o777).toBe(0o600);
  const argv = (await readFile(`/proc/${(await serverStatus(dir, host)).pid}/cmdline`, 'utf8')).split('\0');
  const outfiles = new RegExp(`=(NULL|${join(dir, 'mysql/outfiles')})$`);
  expect(argv.find((one) => one.startsWith('--secure-file-priv='))).toMatch(outfiles);
  expect(said.some((text) => text.includes('runs as root'))).toBe(uid === 0);
});

it.runIf(uid === 0)(
  'finding S4: as root, nothing is touched that another user has put or linked into a shared folder',
  async () => {
    /** Runs a line of shell as the user `nobody`. */
    const attack = (script: string) =>
      expect(spawnSync('sh', ['-ec', script], { cwd: top, uid: NOBODY, gid: NOBODY, encoding: 'utf8' }).stderr).toBe(
        '',
      );
    const refuses = async (command: string, cwd: string, path: string) => {
      const { code, stdout } = await runCommand([...command.split(' '), '--json'], { cwd });
      expect([code, JSON.parse(stdout).error]).toMatchObject([5, { code: 'E_CONFLICT', data: { path } }]);
    };
    await chmod(top, 0o1777);
    const record =
      '{"made_by":"afd","created_at":"","kind":"mariadb","socket":"/tmp/afd-77-0123456789abcdef/server.sock"}';
    attack(`mkdir -p .afd/mysql; echo '${record}' > .afd/mysql/afd-server.json; echo known > .afd/mysql/password`);
    for (const command of ['db start', 'db reset --yes', 'status']) await refuses(command, top, dir);
    expect((await readdir(join(dir, 'mysql'))).sort()).toEqual(['afd-server.json', 'password']);
    await rm(dir, { recursive: true });
    await made();
    attack(`mkdir theirs; ln -s ${dir} theirs/.afd`);
    await refuses('db reset --yes', join(top, 'theirs'), join(top, 'theirs'));
    expect(existsSync(join(dir, 'mysql/password'))).toBe(true);
  },
);
