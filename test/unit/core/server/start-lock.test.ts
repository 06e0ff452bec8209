import { spawnSync } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostFrom } from '../../../../src/core/server/host.ts';
import { withStartLock } from '../../../../src/core/server/start-lock.ts';

describe('the lock of afd db start', () => {
  const host = hostFrom(process);
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'afd-lock-'));
    file = join(folder, 'lock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('lets one in at a time, and leaves nothing', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withStartLock(file, host, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await readFile(file);
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is released when the work throws', async () => {
    await expect(withStartLock(file, host, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(access(file)).rejects.toThrow();
  });

  it('of a process that died is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(file, `${pid} left`);
    expect(await withStartLock(file, host, async () => 'in')).toBe('in');
    expect(await readdir(folder)).toEqual([]);
  });

  it('that cannot be read is an error at once, not a lock that another process holds', async () => {
    await mkdir(file);
    await expect(withStartLock(file, host, async () => 'in')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(folder)).toEqual(['lock']);
  });
});
