import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import type { CheckpointRow } from '../../../../../src/core/db/reports/write-checkpoint.ts';
import type { ProgressRow } from '../../../../../src/core/db/reports/write-progress.ts';
import { AbortSwitch } from '../../../../../src/core/handlers/abort-switch.ts';
import { Reporter } from '../../../../../src/core/worker/report/reporter.ts';
import { OVER } from '../../../../../src/core/worker/report/running-report.ts';

/** A reporter, and what is stored of what it writes. */
async function reporter() {
  const state = { error: undefined as Error | undefined, held: true, opened: 0 };
  const written: ProgressRow[][] = [];
  const checkpoints: CheckpointRow[] = [];
  const told: string[] = [];
  const one = new Reporter({
    deviceId: 'w1',
    onLost: ({ task_id }) => told.push(`lost ${task_id}`),
    warn: (message) => told.push(message),
    port: {
      async ready() {
        state.opened += 1;
        if (state.error !== undefined) throw state.error;
      },
      idleTimeoutS: undefined,
      ...{ checkpoints: async () => new Map(), secrets: async () => [], deleteCheckpoint: async () => {} },
      async writeCheckpoint(row) {
        if (state.held) checkpoints.push(row);
        return state.held;
      },
      async writeProgress(rows) {
        written.push(rows);
        return state.held ? rows.length : 0;
      },
      ...{ cut: () => {}, close: async () => {} },
    },
  });
  await one.start();
  onTestFinished(() => one.stop());
  const report = (task_id: number) => {
    const of = { task_id, attempt: 1, claim_token: randomBytes(16), key: `${task_id}`, stop: new AbortSwitch() };
    return one.report(of, { complain: (problem) => told.push(problem), masked: (text) => text });
  };
  return { reporter: one, state, written, checkpoints, told, report };
}

test('progress costs one write a second for all attempts, with the last of each', async () => {
  const { written, report } = await reporter();
  const reports = [report(1), report(2)];
  for (const one of reports) one.progress(1);
  await expect.poll(() => written.length).toBe(1);
  const first = performance.now();
  await expect
    .poll(() => {
      if (written.length === 1) for (let n = 2; n <= 1000; n += 1) for (const one of reports) one.progress(n);
      return written.length;
    })
    .toBe(2);
  expect(performance.now() - first).toBeGreaterThan(900);
  expect(written.map((rows) => rows.map(({ progress }) => progress?.done))).toEqual([
    [1, 1],
    [1000, 1000],
  ]);
});

test('nothing reported is no connection; the end of an attempt waits for its last values alone', async () => {
  const { reporter: one, state, written, report } = await reporter();
  await one.flush(report(1));
  expect(state.opened).toBe(0);
  const speaking = report(2);
  speaking.progress(1);
  await one.flush(speaking);
  speaking.metric('rows', 7);
  speaking.usage({ peak_memory: 2048, cpu_ms: 30 });
  await one.flush(speaking);
  expect(written).toMatchObject([
    [{ task_id: 2, progress: { done: 1 } }],
    [{ task_id: 2, metrics: '{"rows":7}', usage: { peak_memory: 2048, cpu_ms: 30 } }],
  ]);
});

test('a checkpoint that nobody waited for is stored before the end, also after the abort; after the end it is refused', async () => {
  const { reporter: one, checkpoints, report } = await reporter();
  const aborted = report(1);
  (aborted.of.stop as AbortSwitch).abort('shutdown');
  for (let n = 1; n <= 50; n += 1) void aborted.checkpoint(n);
  await one.flush(aborted);
  expect(checkpoints).toMatchObject([{ task_id: 1, value: '50' }]);
  aborted.close(OVER);
  await expect(aborted.checkpoint(1)).rejects.toThrow('The attempt has ended.');
});

test('while the database is away the last values wait, and are written when it is back', async () => {
  const { state, written, checkpoints, told, report } = await reporter();
  state.error = new DatabaseError('E_DATABASE', 'the database is away', { retry: 'connection' });
  const one = report(1);
  const stored = [2, 3, 4].map((n) => one.checkpoint(n));
  for (let n = 0; n < 10_000; n += 1) one.progress(n);
  await expect.poll(() => state.opened).toBeGreaterThan(2);
  expect([checkpoints, written, told]).toEqual([[], [], []]);
  state.error = undefined;
  await Promise.all(stored);
  expect(checkpoints).toMatchObject([{ value: '4' }]);
  await expect.poll(() => written).toMatchObject([[{ progress: { done: 9999 } }]]);
});

test('an error that another try would not change is said once, and keeps nobody waiting', async () => {
  const { reporter: one, state, written, told, report } = await reporter();
  state.error = new DatabaseError('E_DATABASE', 'denied', { retry: 'final', fault: 'statement' });
  for (const speaking of [report(1), report(2)]) {
    speaking.progress(1);
    await one.flush(speaking);
  }
  expect(told).toEqual([expect.stringContaining('cannot be stored: denied')]);
  expect(written).toEqual([]);
});
