import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { type Progress, withProgress } from '../../../src/cli/progress.ts';

/** Not the process's own stream: a file that is loaded while that one calls itself a terminal would ask it for its size. */
function stream(isTTY: boolean) {
  const chunks: string[] = [];
  const terminal = Object.assign(
    new Writable({
      write(chunk, _, done) {
        chunks.push(String(chunk));
        done();
      },
    }),
    { isTTY, columns: 80 },
  ) as unknown as NodeJS.WriteStream;
  return { terminal, written: () => chunks.join('') };
}

/** Read before anything shows progress. */
const OWN = [process.stdout.isTTY, process.stderr.isTTY];

const work = async ({ say, show }: Progress) => {
  say('the first half');
  show('a tenth');
  say('the second half');
  return 42;
};

it('on a terminal shows what is done, and takes it away at the end', async () => {
  const { terminal, written } = stream(true);
  expect(await withProgress('Reading', { quiet: false, terminal, term: 'xterm' }, work)).toBe(42);
  expect(written()).toContain('Reading');
  // The line is erased, and the cursor is where it was.
  expect(written().slice(written().lastIndexOf('Reading'))).toContain('\u001b[2K');
});

it('does not make the process take its own streams for terminals', async () => {
  await withProgress('Reading', { quiet: false, terminal: stream(true).terminal, term: 'xterm' }, work);
  expect([process.stdout.isTTY, process.stderr.isTTY]).toEqual(OWN);
});

it.each([
  ['in a pipe', false, { quiet: false, term: 'xterm' }],
  ['with --json', true, { quiet: true, term: 'xterm' }],
  ['on a terminal that cannot move', true, { quiet: false, term: 'dumb' }],
])('writes nothing %s', async (_, isTTY, options) => {
  const { terminal, written } = stream(isTTY);
  expect(await withProgress('Reading', { ...options, terminal }, work)).toBe(42);
  expect(written()).toBe('');
});

it('tells plainly there what is worth a line of its own', async () => {
  const said: string[] = [];
  await withProgress('Reading', { quiet: true, plain: (text) => said.push(text) }, work);
  expect(said).toEqual(['the first half', 'the second half']);
});

it.each([true, false])('lets an error of the work through as it is (on a terminal: %s)', async (isTTY) => {
  const { terminal, written } = stream(isTTY);
  const error = new Error('no');
  const failing = withProgress('Reading', { quiet: false, terminal, term: 'xterm' }, () => Promise.reject(error));
  await expect(failing).rejects.toBe(error);
  expect(written()).not.toContain('no\n');
});
