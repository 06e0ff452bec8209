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

  /** Reads a stream that is paced once this many bytes have come, by a clock that `pass` moves. */
  function paced(stream: Readable, plenty: number) {
    let [bytes, now] = [0, 1000];
    const count = (one: Buffer) => {
      bytes += one.length;
    };
    readPaced(
      stream,
      count,
      () => bytes > plenty,
      () => now,
    );
    const pass = (ms: number) => {
      now += ms;
    };
    /** How many bytes have come when it stands still. */
    const still = async () => {
      for (let before = -1; before !== bytes; ) {
        before = bytes;
        for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      }
      expect(stream.isPaused()).toBe(true);
      return bytes;
    };
    return { seen: () => bytes, pass, still };
  }

  it('is taken at the speed of a handler that does nothing but print, once there was plenty', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const stream = new Readable({
      read() {
        this.push(chunk);
      },
    });
    const { pass, still } = paced(stream, 4 * MIB);
    const first = await still();
    expect(first).toBeGreaterThanOrEqual(5 * MIB);
    expect(first).toBeLessThan(5 * MIB + 2 * chunk.length);
    pass(10);
    await vi.advanceTimersByTimeAsync(10);
    const more = (await still()) - first;
    // As much as in 4 ms, since time that went by unused is no credit.
    expect(more).toBeGreaterThanOrEqual(1_024_000);
    expect(more).toBeLessThan(1_024_000 + 3 * chunk.length);
    stream.destroy();
  });

  it('is not held up when it comes slower than that', async () => {
    const stream = new Readable({ read() {} });
    const { seen, pass } = paced(stream, -1);
    for (let n = 0; n < 100; n += 1) {
      pass(1);
      stream.push(Buffer.alloc(200_000));
      await new Promise(setImmediate);
    }
    await expect.poll(seen).toBe(20_000_000);
    expect(stream.isPaused()).toBe(false);
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
