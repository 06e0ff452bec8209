import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import type { FleetKey } from '../../../../src/core/secrets/fleet-key.ts';
import { newKey, parseKeys } from '../../../../src/core/secrets/fleet-key.ts';
import { makeKeyFile } from '../../../../src/core/secrets/key-file.ts';
import { readKeys } from '../../../../src/core/secrets/key-source.ts';
import { Keyring } from '../../../../src/core/secrets/keyring.ts';
import { folder } from '../config/config-folder.ts';

const uid = process.getuid?.();
const read = (secrets: object, more: object = {}, baseDir = '/') =>
  readKeys({ config: configSchema.parse({ secrets }), baseDir, uid, ...more });
const ids = (keys: FleetKey[] | undefined) => keys?.map(({ id }) => id);

describe('the source of keys', () => {
  it('is a file beside the configuration that its owner alone can read', async () => {
    const { id, line } = newKey();
    const dir = folder({ 'k.key': line });
    expect(ids(await read({ key_file: 'k.key' }, {}, dir))).toEqual([id]);
    const foreign = read({ key_file: 'k.key' }, { uid: (uid ?? 0) + 1 }, dir);
    if (uid === 0) expect(ids(await foreign)).toEqual([id]);
    else await expect(foreign).rejects.toThrow('belongs to another user');
    const refused = { code: 'E_CONFIG', message: expect.stringContaining('chmod 600') };
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      chmodSync(join(dir, 'k.key'), mode);
      await expect(read({ key_file: 'k.key' }, {}, dir), mode.toString(8)).rejects.toMatchObject(refused);
    }
    await expect(read({ key_file: 'none.key' }, {}, dir)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('is a credential of systemd', async () => {
    const { id, line } = newKey();
    const credentials = folder({ 'afd-key': line });
    expect(ids(await read({ key_credential: 'afd-key' }, { credentials }))).toEqual([id]);
    await expect(read({ key_credential: 'afd-key' })).rejects.toThrow('CREDENTIALS_DIRECTORY is not set');
    for (const name of ['../afd-key', 'a/b', '.', ''])
      expect(() => configSchema.parse({ secrets: { key_credential: name } }), name).toThrow();
  });

  it('is a command without a shell; what it says on stderr is not repeated', async () => {
    const { id, line } = newKey();
    const dir = folder({ 'it is; echo a key': line });
    expect(ids(await read({ key_command: ['cat', 'it is; echo a key'] }, {}, dir))).toEqual([id]);
    const said = ['-e', 'console.error("canary"); console.log("canary"); process.exit(3)'];
    const failed = read({ key_command: [process.execPath, ...said] });
    await expect(failed).rejects.toThrow('exit code 3');
    await expect(failed).rejects.not.toThrow('canary');
    await expect(read({ key_command: ['no-such-program-of-afd'] })).rejects.toThrow('cannot be run (ENOENT)');
    await expect(read({ key_command: ['echo', 'canary'] })).rejects.not.toThrow('canary');
  });

  it('is one of them at most, and none by default', async () => {
    expect(await read({})).toBeUndefined();
    expect(() => configSchema.parse({ secrets: { key_file: 'a', key_command: ['b'] } })).toThrow('takes one of');
  });
});

describe('a key ring', () => {
  it('reads again, once in a while, when a key is missing: a new one needs no restart', async () => {
    const [old, fresh] = [newKey(), newKey()];
    let [text, reads, now] = [old.line, 0, 0];
    const ring = new Keyring(
      async () => {
        reads += 1;
        return parseKeys(text);
      },
      () => now,
    );
    const [newest, found] = [async () => (await ring.newest()).id, async (id: string) => (await ring.find(id))?.id];
    expect([await newest(), await found(old.id), await found(fresh.id), reads]).toEqual([old.id, old.id, undefined, 1]);
    text = `${fresh.line}\n${old.line}`;
    expect(await found(fresh.id)).toBeUndefined();
    now = 5000;
    expect([await found(fresh.id), await newest(), reads]).toEqual([fresh.id, fresh.id, 2]);
  });

  it('without a key says which setting to make', async () => {
    await expect(new Keyring(async () => undefined).newest()).rejects.toThrow('secrets.key_file');
  });
});

describe('a key file', () => {
  it('is made for its owner alone, never over another, and takes a new key in front of the old ones', async () => {
    const file = join(folder({}), 'k.key');
    const first = await makeKeyFile(file, { add: false, uid });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await expect(makeKeyFile(file, { add: false, uid })).rejects.toMatchObject({ code: 'E_CONFLICT' });
    const before = readFileSync(file, 'utf8');
    const second = await makeKeyFile(file, { add: true, uid });
    expect(second.old_key_ids).toEqual([first.key_id]);
    expect(parseKeys(readFileSync(file, 'utf8')).map(({ id }) => id)).toEqual([second.key_id, first.key_id]);
    expect(readFileSync(file, 'utf8')).toContain(before.trim().split('\n').at(-1)!);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is not added to when it does not exist, is open to others, or has something else in it', async () => {
    const dir = folder({ 'other.txt': 'hello\n', 'open.key': newKey().line });
    chmodSync(join(dir, 'open.key'), 0o644);
    const added = { 'none.key': 'E_NOT_FOUND', 'other.txt': 'E_CONFIG', 'open.key': 'E_CONFIG' };
    for (const [name, code] of Object.entries(added))
      await expect(makeKeyFile(join(dir, name), { add: true, uid })).rejects.toMatchObject({ code });
    expect(readFileSync(join(dir, 'other.txt'), 'utf8')).toBe('hello\n');
  });
});
