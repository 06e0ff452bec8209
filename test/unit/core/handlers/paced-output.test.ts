import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readPaced } from '../../../../src/core/handlers/paced-output.ts';

const MIB = 1024 * 1024;
const THIS = fileURLToPath(import.meta.url);

describe('finding S16: output without end', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /** Reads an endless stream until it stands still, and returns how many bytes came. */
  async function until(stream: Readable, seen: () => number): Promise<number> {
    for (let before = -1; before !== seen(); ) {
      before = seen();
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    }
    expect(stream.isPaused()).toBe(true);
    return seen();
  }

  it('is taken a megabyte at a time once nobody keeps it', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const stream = new Readable({
      read() {
        this.push(chunk);
      },
    });
    let bytes = 0;
    readPaced(
      stream,
      (one) => {
        bytes += one.length;
      },
      () => bytes > 4 * MIB,
    );
    const first = await until(stream, () => bytes);
    expect(first).toBeGreaterThanOrEqual(5 * MIB);
    expect(first).toBeLessThan(5 * MIB + 2 * chunk.length);
    await vi.advanceTimersByTimeAsync(20);
    expect((await until(stream, () => bytes)) - first).toBe(MIB);
    stream.destroy();
  });
});

it('finding S16: a command has no descriptor that its worker has inherited', async () => {
  const dist = fileURLToPath(
    new URL('../../../../dist/core/handlers/command/inherited-descriptors.js', import.meta.url),
  );
  const script = `
    const { spawnSync } = await import('node:child_process');
    const { hideInherited } = await import(${JSON.stringify(dist)});
    const list = 'for one in /proc/$$/fd/*; do echo "\${one##*/}=$(readlink $one)"; done';
    const look = (beyond) => spawnSync('sh', ['-c', list], { stdio: ['ignore', 'pipe', 'inherit', ...beyond] }).stdout.toString();
    console.log(JSON.stringify([look([]), look(hideInherited())]));`;
  const file = openSync(THIS, 'r');
  // At 40 and at 251: Node closes those that follow its own without a gap.
  const stdio = Array.from({ length: 252 }, (_, n) => (n === 1 ? 'pipe' : n === 40 || n === 251 ? file : 'ignore'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: stdio as never });
  let said = '';
  child.stdout!.on('data', (text) => {
    said += String(text);
  });
  await once(child, 'close');
  closeSync(file);
  const [plain, hidden] = JSON.parse(said) as [string, string];
  expect(plain).toContain(`251=${THIS}`);
  expect(hidden).not.toContain(THIS);
  expect(hidden).toContain('251=/dev/null');
});
