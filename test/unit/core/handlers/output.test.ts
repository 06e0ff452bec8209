import { StringDecoder } from 'node:string_decoder';
import { expect, it, onTestFinished, vi } from 'vitest';
import { CommandOutput } from '../../../../src/core/handlers/command/command-output.ts';
import { OutputLog } from '../../../../src/core/handlers/output-log.ts';

it('the end of stderr is kept, whole characters of it, however much comes before it', () => {
  const log = new CommandOutput({ print: () => {} });
  // A character that comes in two pieces.
  const euro = Buffer.from('€');
  log.write('stderr', Buffer.concat([Buffer.from(`${'x'.repeat(5000)}\nfirst: Schlüss`), euro.subarray(0, 1)]));
  log.write('stdout', Buffer.from('not this'));
  log.write('stderr', Buffer.concat([euro.subarray(1), Buffer.from(' end\n')]));
  expect(log.stderrTail).toBe('first: Schlüss€ end');
  for (const shift of ['', 'a', 'ab', 'abc']) {
    const cut = new CommandOutput({ print: () => {} });
    cut.write('stderr', Buffer.from('😀'.repeat(2000) + shift));
    expect(cut.stderrTail).not.toContain('\ufffd');
    expect(Buffer.byteLength(cut.stderrTail)).toBeGreaterThanOrEqual(2048);
    expect(Buffer.byteLength(cut.stderrTail)).toBeLessThan(2052);
  }
});

it('finding S16: output beyond the limit is not decoded, however much of it comes', () => {
  const decode = vi.spyOn(StringDecoder.prototype, 'write');
  onTestFinished(() => decode.mockRestore());
  const lines: string[] = [];
  const add = (message: string) => lines.push(message);
  const log = new OutputLog({ debug: add, info: add, warn: add, error: add }, { limit: 100_000 });
  const chunk = Buffer.alloc(65_536, 'a\n');
  for (let n = 0; n < 1000; n += 1) log.write(n % 2 === 0 ? 'stdout' : 'stderr', chunk);
  expect(decode).toHaveBeenCalledTimes(2);
  expect(lines.at(-1)).toBe('the output exceeds 100000 bytes; the rest is not logged');
  const told = lines.length;
  log.end();
  expect(lines).toHaveLength(told);
});
