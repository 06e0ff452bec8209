// Finding S4: nothing of a private server is trusted that another user owns, or may write.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
/** The same machine, seen by somebody else: what this process owns is foreign to him. */
const other = { ...host, uid: uid + 1 };
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
  const files: Record<string, string> = {
    ...{
      'mysql/afd-server.json': '{"made_by": "afd", "created_at": "", "kind": "mariadb", "port": 1, "socket": "/s"}',
    },
    ...{ 'mysql/password': 'known', 'mysql/data/made-by-afd': '', 'mysql/setup.sql': '', 'mysql/server.log': '' },
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
}

const USES: Array<[string, (by: typeof host) => Promise<unknown>]> = [
  ['start', (by) => startServer({ dir, host: by })],
  ['status', (by) => serverStatus(dir, by)],
  ['url', (by) => serverUrl(dir, by)],
  ['stop', (by) => stopServer(dir, by)],
  ['reset', (by) => resetServer(dir, by)],
  ['the search of every command', (by) => embeddedServerUrl(dir, by.uid)],
];

describe.each(USES)('finding S4: %s', (_, use) => {
  it('refuses a server that another user has made, and changes nothing', async () => {
    await made();
    const before = await readdir(join(dir, 'mysql'));
    await expect(use(other)).rejects.toMatchObject({
      ...REFUSED,
      message: expect.stringMatching(
        /belongs to another user \(uid \d+\), so another user could control a private server/,
      ),
    });
    expect(await readdir(join(dir, 'mysql'))).toEqual(before);
    expect(await readFile(join(dir, 'mysql/password'), 'utf8')).toBe('known');
  });
});

describe('finding S4: of one’s own server', { timeout: 180_000 }, () => {
  beforeEach(made);
  const check = async () => assertOwn(await serverFiles(dir), uid);

  it('everything that this user alone may write is taken', async () => {
    await expect(check()).resolves.toBeUndefined();
  });

  it.each(['.', 'mysql'])('the folder %s must not be writable by others', async (name) => {
    await chmod(join(dir, name), 0o777);
    await expect(check()).rejects.toMatchObject({
      ...REFUSED,
      suggestions: expect.arrayContaining([`chmod go-w ${join(dir, name)}`]),
    });
    // Sticky keeps what is there, and not who may add to it.
    await chmod(join(dir, name), 0o1777);
    await expect(check()).rejects.toMatchObject(REFUSED);
  });

  it.each(['afd-server.json', 'password', 'setup.sql', 'data', 'data/made-by-afd'])(
    '%s must not be writable by others where they can come to it',
    async (name) => {
      await chmod(join(dir, 'mysql', name), name === 'data' ? 0o777 : 0o666);
      // Behind a folder that is closed nobody comes.
      await expect(check()).resolves.toBeUndefined();
      await chmod(join(dir, 'mysql'), 0o755);
      await expect(check()).rejects.toMatchObject(REFUSED);
    },
  );

  it.each(['afd-server.json', 'password', 'setup.sql', 'data', 'tmp', 'server.log'])(
    '%s must be no link',
    async (name) => {
      await rm(join(dir, 'mysql', name), { recursive: true, force: true });
      await symlink('/', join(dir, 'mysql', name));
      await expect(check()).rejects.toMatchObject({ ...REFUSED, message: expect.stringContaining('is not a regular') });
    },
  );

  it('a folder above must be sticky where others may write it', async () => {
    await chmod(top, 0o777);
    await expect(check()).rejects.toMatchObject({ ...REFUSED, data: { path: top } });
    await chmod(top, 0o1777);
    await expect(check()).resolves.toBeUndefined();
  });

  it('a group of the owner’s own may write a folder above, and no other', async () => {
    await chmod(top, 0o775);
    const { gid } = lstatSync(top);
    await (gid === uid ? expect(check()).resolves.toBeUndefined() : expect(check()).rejects.toMatchObject(REFUSED));
    if (uid !== 0) return;
    await chown(top, 0, 100);
    await chmod(top, 0o775);
    await expect(check()).rejects.toMatchObject(REFUSED);
  });

  it('a link of one’s own to another place is followed', async () => {
    const link = join(top, 'link');
    await symlink(dir, link);
    await expect(assertOwn(await serverFiles(link), uid)).resolves.toBeUndefined();
  });
});

it('finding S4: reset deletes its own socket’s folder, and none that a record names', async () => {
  dir = join(top, 'a-folder-with-a-long-name'.repeat(5), '.afd');
  await made();
  const files = await serverFiles(dir);
  const own = await socketPath(files, { ...host, env: { ...host.env, TMPDIR: top } });
  expect(own.startsWith(join(top, 'afd-'))).toBe(true);
  const victim = join(top, `afd-${uid}-0123456789abcdef`);
  await mkdir(victim, { mode: 0o700 });
  await writeFile(join(victim, 'kept'), '');
  const record = JSON.parse(await readFile(files.record, 'utf8')) as object;
  await writeFile(files.record, JSON.stringify({ ...record, socket: join(victim, 'server.sock') }));
  expect(await resetServer(dir, { ...host, env: { ...host.env, TMPDIR: top } })).toBe(true);
  expect(await readdir(victim)).toEqual(['kept']);
  expect(existsSync(own.replace('/server.sock', ''))).toBe(false);
  expect(existsSync(files.root)).toBe(false);
});

it('finding S4: the server writes files into one empty folder of its own, and all its folders are closed', async () => {
  const before = process.umask(0);
  const said: string[] = [];
  try {
    await startServer({ dir, host, say: (text) => said.push(text) });
  } finally {
    process.umask(before);
  }
  for (const name of ['.', 'mysql', 'mysql/data', 'mysql/tmp', 'mysql/outfiles']) {
    expect([name, lstatSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o700]);
  }
  expect(lstatSync(join(dir, 'mysql/data/made-by-afd')).mode & 0o777).toBe(0o600);
  const argv = (await readFile(`/proc/${(await serverStatus(dir, host)).pid}/cmdline`, 'utf8')).split('\0');
  expect(argv.find((one) => one.startsWith('--secure-file-priv='))).toMatch(
    new RegExp(`=(NULL|${join(dir, 'mysql/outfiles')})$`),
  );
  expect(said.some((text) => text.includes('runs as root'))).toBe(uid === 0);
});

describe.runIf(uid === 0)('finding S4: in a folder in which everybody may write, as root', () => {
  /** Runs a line of shell as the user `nobody`. */
  function attack(script: string): void {
    const run = spawnSync('sh', ['-ec', script], { cwd: top, uid: NOBODY, gid: NOBODY, encoding: 'utf8' });
    expect(run.stderr).toBe('');
  }
  beforeEach(() => chmod(top, 0o1777));

  it.each(['db start', 'db reset --yes', 'db status', 'db url', 'status', 'migrate up'])(
    'afd %s does not touch what another user has put there',
    async (command) => {
      const record =
        '{"made_by":"afd","created_at":"","kind":"mariadb","socket":"/tmp/afd-77-0123456789abcdef/server.sock"}';
      attack(`mkdir -p .afd/mysql; echo '${record}' > .afd/mysql/afd-server.json; echo known > .afd/mysql/password`);
      const run = await runCommand([...command.split(' '), '--json'], { cwd: top });
      expect([run.code, JSON.parse(run.stdout).error.code]).toEqual([5, 'E_CONFLICT']);
      expect(JSON.parse(run.stdout).error.message).toContain(`${dir} belongs to another user (uid ${NOBODY})`);
      expect((await readdir(join(dir, 'mysql'))).sort()).toEqual(['afd-server.json', 'password']);
    },
  );

  it('a link of another user to a server of one’s own is not followed', async () => {
    await made();
    attack(`mkdir theirs; ln -s ${dir} theirs/.afd`);
    const run = await runCommand(['db', 'reset', '--yes', '--json'], { cwd: join(top, 'theirs') });
    expect([run.code, JSON.parse(run.stdout).error.data.path]).toEqual([5, join(top, 'theirs')]);
    expect(existsSync(join(dir, 'mysql/password'))).toBe(true);
  });
});
