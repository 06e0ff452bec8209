import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Progress, withProgress } from '../../../src/cli/progress.ts';

const real = {
  out: process.stdout.write,
  err: process.stderr.write,
  tty: process.stderr.isTTY,
  term: process.env.TERM,
};
let written: { out: string; err: string };

beforeEach(() => {
  written = { out: '', err: '' };
  const keep = (name: 'out' | 'err') =>
    ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      written[name] += String(chunk);
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    }) as typeof process.stdout.write;
  process.stdout.write = keep('out');
  process.stderr.write = keep('err');
  process.env.TERM = 'xterm';
});
afterEach(() => {
  process.stdout.write = real.out;
  process.stderr.write = real.err;
  process.stderr.isTTY = real.tty;
  process.env.TERM = real.term;
});

const work = async ({ say, show }: Progress) => {
  say('the first half');
  show('a tenth');
  say('the second half');
  return 42;
};

it('on a terminal shows what is done, on stderr, and takes it away at the end', async () => {
  process.stderr.isTTY = true;
  expect(await withProgress('Reading', { quiet: false }, work)).toBe(42);
  expect(written.out).toBe('');
  expect(written.err).toContain('Reading');
  // The line is erased, and the cursor is where it was.
  expect(written.err.slice(written.err.lastIndexOf('Reading'))).toContain('\u001b[2K');
});

it('writes nothing in a pipe, with --json, and on a terminal that cannot move', async () => {
  process.stderr.isTTY = false;
  await withProgress('Reading', { quiet: false }, work);
  process.stderr.isTTY = true;
  await withProgress('Reading', { quiet: true }, work);
  process.env.TERM = 'dumb';
  await withProgress('Reading', { quiet: false }, work);
  expect(written).toEqual({ out: '', err: '' });
});

it('tells plainly there what is worth a line of its own', async () => {
  const said: string[] = [];
  await withProgress('Reading', { quiet: true, plain: (text) => said.push(text) }, work);
  expect(said).toEqual(['the first half', 'the second half']);
});

it.each([true, false])('lets an error of the work through as it is (on a terminal: %s)', async (tty) => {
  process.stderr.isTTY = tty;
  const error = new Error('no');
  const failing = withProgress('Reading', { quiet: false }, () => Promise.reject(error));
  await expect(failing).rejects.toBe(error);
  expect(written.err).not.toContain('no\n');
});
