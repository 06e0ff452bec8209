import { expect, it } from 'vitest';
import { CommandOutput } from '../../../../src/core/handlers/command/command-output.ts';

it('the end of stderr is kept, however much comes before it', () => {
  const log = new CommandOutput({ print: () => {} });
  log.write('stderr', Buffer.from('x'.repeat(5000)));
  log.write('stderr', Buffer.from(`\nfirst: Schlüss`));
  log.write('stdout', Buffer.from('not this'));
  // A character that comes in two pieces.
  const euro = Buffer.from('€');
  log.write('stderr', euro.subarray(0, 1));
  log.write('stderr', Buffer.concat([euro.subarray(1), Buffer.from(' end\n')]));
  expect(log.stderrTail).toBe('first: Schlüss€ end');
});

it('the end of stderr does not begin within a character', () => {
  for (const text of ['€'.repeat(3000), '😀'.repeat(2000), 'é'.repeat(2000)]) {
    for (const shift of ['', 'a', 'ab', 'abc']) {
      const log = new CommandOutput({ print: () => {} });
      log.write('stderr', Buffer.from(text + shift));
      expect(log.stderrTail).not.toContain('\ufffd');
      expect(Buffer.byteLength(log.stderrTail)).toBeGreaterThanOrEqual(2048);
      expect(Buffer.byteLength(log.stderrTail)).toBeLessThan(2052);
    }
  }
});
