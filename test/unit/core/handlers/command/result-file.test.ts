import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readResultFile } from '../../../../../src/core/handlers/command/result-file.ts';
import { folder } from '../../config/config-folder.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = folder();
  file = join(dir, 'result.json');
});

describe('finding S16: a result file', () => {
  it('is a value of at most 8 MiB, or none', async () => {
    expect(await readResultFile(file)).toEqual({ kind: 'none' });
    writeFileSync(file, ' \n');
    expect(await readResultFile(file)).toEqual({ kind: 'none' });
    writeFileSync(file, '{"a": 1}');
    expect(await readResultFile(file)).toEqual({ kind: 'value', value: { a: 1 } });
    truncateSync(file, 8 * 1024 * 1024 + 1);
    const problem = expect.stringContaining('8388609 bytes');
    expect(await readResultFile(file)).toMatchObject({ kind: 'bad', problem });
  });

  it.each<[string, () => unknown]>([
    ['a link', () => symlinkSync(join(dir, 'other'), file)],
    ['a link to a device', () => symlinkSync('/dev/zero', file)],
    ['a pipe', () => execFileSync('mkfifo', [file])],
    ['a folder', () => mkdirSync(file)],
    [
      'a socket',
      async () => {
        const server = createServer().listen(file);
        onTestFinished(() => void server.close());
        await once(server, 'listening');
      },
    ],
  ])('is neither a link, nor a pipe, a folder, a device or a socket: %s', async (_, make) => {
    writeFileSync(join(dir, 'other'), '{}');
    await make();
    expect(await readResultFile(file)).toEqual({ kind: 'bad', problem: 'is not a regular file' });
  });

  it('keeps no reader waiting that a survivor of the command swaps for a pipe meanwhile', async () => {
    const swap = `
      const fs = require('node:fs');
      const [file, pipe, plain] = process.argv.slice(1);
      for (const one of [plain, file]) fs.writeFileSync(one, '{}');
      console.log('swapping');
      for (;;) { fs.linkSync(pipe, pipe + '1'); fs.renameSync(pipe + '1', file); fs.linkSync(plain, plain + '1'); fs.renameSync(plain + '1', file); }`;
    const [pipe, plain] = [join(dir, 'pipe'), join(dir, 'plain')];
    execFileSync('mkfifo', [pipe]);
    const child = spawn(process.execPath, ['-e', swap, file, pipe, plain], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const seen = new Set<string>();
    // One in some ten thousand reads of a name that was looked at before hung for ever; four of them end all reading.
    for (let n = 0; n < 10_000; n += 1) seen.add((await readResultFile(file)).kind);
    expect([...seen].sort()).toEqual(['bad', 'value']);
  }, 60_000);
});
