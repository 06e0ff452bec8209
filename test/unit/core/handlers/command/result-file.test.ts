import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readResultFile } from '../../../../../src/core/handlers/command/result-file.ts';
import { folder } from '../../config/config-folder.ts';

describe('finding S16: a result file', () => {
  it('is a value of at most 8 MiB, or none', async () => {
    const file = join(folder(), 'result.json');
    expect(await readResultFile(file)).toEqual({ kind: 'none' });
    writeFileSync(file, ' \n');
    expect(await readResultFile(file)).toEqual({ kind: 'none' });
    writeFileSync(file, '{"a": 1}');
    expect(await readResultFile(file)).toEqual({ kind: 'value', value: { a: 1 } });
    truncateSync(file, 8 * 1024 * 1024 + 1);
    const problem = expect.stringContaining('8388609 bytes');
    expect(await readResultFile(file)).toMatchObject({ kind: 'bad', problem });
  });

  it.each<[string, (file: string) => unknown]>([
    ['a link', (file) => symlinkSync('other', file)],
    ['a pipe', (file) => execFileSync('mkfifo', [file])],
    ['a folder', (file) => mkdirSync(file)],
  ])('is neither a link, nor a pipe, a folder, a device or a socket: %s', async (_, make) => {
    const file = join(folder({ other: '{}' }), 'result.json');
    make(file);
    for (const one of [file, '/dev/zero'])
      expect(await readResultFile(one)).toEqual({ kind: 'bad', problem: 'is not a regular file' });
  });
});
