import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openExportFile } from '../../../src/core/export/export-file.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-export-file-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('a file that is exported', () => {
  it('has its name only when it is complete', async () => {
    const file = await openExportFile(join(dir, 'a.csv'), 'afd tasks export');
    await file.write('one\n');
    await file.write('two\n');
    expect(await readdir(dir)).toEqual([expect.stringMatching(/^\.a\.csv\.[0-9a-f]{8}\.tmp$/)]);
    await file.finish();
    expect([await readdir(dir), await readFile(join(dir, 'a.csv'), 'utf8')]).toEqual([['a.csv'], 'one\ntwo\n']);
  });

  it('leaves the old one alone when it is discarded', async () => {
    await writeFile(join(dir, 'a.csv'), 'old');
    const file = await openExportFile(join(dir, 'a.csv'), 'afd tasks export');
    await file.write('new');
    await file.discard();
    expect([await readdir(dir), await readFile(join(dir, 'a.csv'), 'utf8')]).toEqual([['a.csv'], 'old']);
  });

  it('keeps the rights of the old one, and a link to it', async () => {
    await writeFile(join(dir, 'real.csv'), 'old', { mode: 0o640 });
    await symlink('real.csv', join(dir, 'link.csv'));
    const file = await openExportFile(join(dir, 'link.csv'), 'afd tasks export');
    await file.write('new');
    await file.finish();
    expect((await lstat(join(dir, 'link.csv'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(dir, 'real.csv'), 'utf8')).toBe('new');
    expect((await stat(join(dir, 'real.csv'))).mode & 0o777).toBe(0o640);
  });
});
