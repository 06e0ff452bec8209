import { StringDecoder } from 'node:string_decoder';
import { afterEach, expect, it, vi } from 'vitest';
import { OutputLog } from '../../../../src/core/handlers/output-log.ts';

afterEach(() => vi.restoreAllMocks());

function output(limit?: number) {
  const lines: string[] = [];
  const add = (message: string) => lines.push(message);
  const log = { debug: add, info: add, warn: add, error: add };
  return { lines, output: new OutputLog(log, limit === undefined ? {} : { limit }) };
}

it('finding S16: output beyond the limit is not decoded, however much of it comes', () => {
  const decode = vi.spyOn(StringDecoder.prototype, 'write');
  const { lines, output: log } = output(100_000);
  const chunk = Buffer.alloc(65_536, 'a\n');
  for (let n = 0; n < 1000; n += 1) log.write(n % 2 === 0 ? 'stdout' : 'stderr', chunk);
  expect(decode).toHaveBeenCalledTimes(2);
  expect(lines.at(-1)).toBe('the output exceeds 100000 bytes; the rest is not logged');
  const told = lines.length;
  log.end();
  expect(lines).toHaveLength(told);
});
