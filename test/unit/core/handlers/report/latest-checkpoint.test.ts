import { expect, it } from 'vitest';
import { LatestCheckpoint } from '../../../../../src/core/handlers/report/latest-checkpoint.ts';

it('a copy of a value is wanted until it is stored, and its caller waits for that', async () => {
  const checkpoints = new LatestCheckpoint();
  const rows = [7];
  const stored = checkpoints.write({ rows });
  rows.push(8);
  expect(checkpoints.wanted).toEqual({ version: 1, value: { rows: [7] } });
  checkpoints.stored(1);
  await stored;
  expect(checkpoints.wanted).toBeUndefined();
  // Exactly 64 KB as JSON.
  void checkpoints.write('x'.repeat(64 * 1024 - 2));
  expect(checkpoints.wanted).toBeDefined();
});

it('a later value replaces one that is being stored: all callers wait for the last', async () => {
  const checkpoints = new LatestCheckpoint();
  const told: string[] = [];
  const first = checkpoints.write(1).then(() => told.push('first'));
  const second = checkpoints.write(2).then(() => told.push('second'));
  checkpoints.stored(1);
  expect(checkpoints.wanted).toEqual({ version: 2, value: 2 });
  expect(told).toEqual([]);
  checkpoints.stored(2);
  await Promise.all([first, second]);
});

it.each([
  ['too large', 'x'.repeat(64 * 1024), /has 65538 bytes as JSON; the maximum is 65536/],
  ['no JSON', { n: 1n }, /cannot be written as JSON/],
  ['a function', () => 1, /is a function, which JSON cannot represent/],
])('refuses what is %s at once, and keeps the value before it', async (_what, value, why) => {
  const checkpoints = new LatestCheckpoint();
  const earlier = checkpoints.write('good');
  await expect(checkpoints.write(value)).rejects.toThrow(why);
  expect(checkpoints.wanted).toEqual({ version: 1, value: 'good' });
  checkpoints.stored(1);
  await earlier;
});

it('rejects what waits, and all later values, when nothing can be stored any more', async () => {
  const checkpoints = new LatestCheckpoint();
  const waiting = checkpoints.write(1);
  checkpoints.close(new Error('The attempt is lost.'));
  await expect(waiting).rejects.toThrow('The attempt is lost.');
  await expect(checkpoints.write(2)).rejects.toThrow('The attempt is lost.');
  expect(checkpoints.wanted).toBeUndefined();
});
