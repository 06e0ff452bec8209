import { mkdtemp, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimDirectory,
  readRecord,
  type ServerFiles,
  serverFiles,
  serverPassword,
} from '../../../../src/core/server/server-directory.ts';

let dir: string;
let files: ServerFiles;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-directory-'));
  files = await serverFiles(dir);
  await claimDirectory(files);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the directory of the private server', () => {
  it('keeps the password that it made first', async () => {
    expect(await serverPassword(files)).toBe(await serverPassword(files));
  });

  it('never replaces a password that is there and cannot be read', async () => {
    await symlink(files.password, files.password);
    await expect(serverPassword(files)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await readlink(files.password)).toBe(files.password);
  });

  it('does not take a datadir that cannot be looked at for one that is absent', async () => {
    const unseen = { ...files, data: join(files.root, 'd'.repeat(300)) };
    await expect(readRecord(unseen)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });
});
