import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ClaimedTask } from '../../../../../src/core/db/claim/claimed-task.ts';
import type { Finish } from '../../../../../src/core/domain/attempt/reconcile.ts';
import { functionHandler } from '../../../../../src/core/handlers/module-handler.ts';
import { PulseBoard } from '../../../../../src/core/node/pulse-board.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { AttemptOutput } from '../../../../../src/core/worker/log/attempt-output.ts';
import { RunningReport } from '../../../../../src/core/worker/report/running-report.ts';
import { HeldAttempts } from '../../../../../src/core/worker/run/held-attempts.ts';
import { Runner } from '../../../../../src/core/worker/run/runner.ts';

const claimed = (id: number): ClaimedTask => ({
  ...{ id, attempt: 0, task_type: 't', username: null, app_id: null, start_date: null, end_date: null },
  ...{
    task_data: null,
    payload_bytes: 0,
    priority: 5,
    retry: 0,
    execution_timeout: null,
    required_capabilities: null,
    claim_rank: 5,
  },
  ...{ due_at: '2026-01-01 00:00:00.000', claimed_by: null, assignment_id: null, lease_s: 60, deferred: true },
});

/** A runner of one slot whose handlers end when they are told to. */
function oneSlot() {
  const finishes: Finish[] = [];
  const ends = new Map<number, () => void>();
  const begun: number[] = [];
  const none = () => {};
  const board = new PulseBoard(1);
  const events = new Events();
  const timings = new TaskTimings();
  const attempts = new HeldAttempts({
    events,
    timings,
    returned: () => {},
    startFlushAfterMs: 60_000,
    deadlineSlackS: 30,
  });
  const patience = { ms: 60_000 };
  const runner = new Runner({
    slots: 1,
    deviceId: 'd1',
    handlers: new Map([
      [
        't',
        functionHandler((task) => {
          begun.push(task.task_id);
          return new Promise<void>((resolve) => ends.set(task.task_id, resolve));
        }),
      ],
    ]),
    defaultTimeoutS: 60,
    stuckAfterMs: 60_000,
    payloads: new Payloads(),
    events,
    attempts,
    board,
    get prefetchTtlMs() {
      return patience.ms;
    },
    masked: (_attempt, text) => text,
    outputOf: () => new AttemptOutput({ debug: none, info: none, warn: none, error: none }, undefined, () => undefined),
    reports: { read: async () => undefined, flush: async () => {} },
    secrets: async () => [],
    hide: () => {},
    reportOf: (of, complain) => new RunningReport({ of, complain, masked: (text) => text, onChange: none }),
    onFinish: (finish) => finishes.push(finish),
    onSlots: none,
  });
  const token = randomBytes(16);
  runner.begin([1, 2, 3].map(claimed), token, board.generation);
  return { runner, finishes, ends, begun, token, board, patience };
}

describe('what is prefetched', () => {
  test('waits for one, and is not counted as running', async () => {
    const { runner, begun, ends } = oneSlot();
    await Promise.resolve();
    expect(runner).toMatchObject({ occupied: 1, busy: 3 });
    expect([runner.room(), runner.room(2), runner.room(5)]).toEqual([0, 0, 3]);
    for (const id of [1, 2, 3]) {
      await expect.poll(() => begun).toEqual([1, 2, 3].slice(0, id));
      ends.get(id)!();
    }
    await runner.drained();
  });

  test('is returned when it has waited for too long, and never begins', async () => {
    const { runner, finishes, begun, ends, patience } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    patience.ms = -1;
    runner.returnPrefetched();
    expect(finishes.map((one) => [one.task_id, one.outcome, one.age_ms])).toEqual([
      [2, { kind: 'released', cause: 'prefetched' }, null],
      [3, { kind: 'released', cause: 'prefetched' }, null],
    ]);
    expect(runner.attempts().map((one) => one.task_id)).toEqual([1]);
    ends.get(1)!();
    await runner.drained();
    expect(begun).toEqual([1]);
  });

  test('is released at once when the worker stops, without having begun', async () => {
    const { runner, finishes, begun, ends } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    runner.abortAll('shutdown');
    expect(finishes.map((one) => [one.task_id, one.outcome])).toEqual([
      [2, { kind: 'released', cause: 'shutdown' }],
      [3, { kind: 'released', cause: 'shutdown' }],
    ]);
    ends.get(1)!();
    await runner.drained();
    expect(begun).toEqual([1]);
  });

  test('finding F16: does not begin when its slot comes only after it has waited for too long', async () => {
    const { runner, finishes, begun, ends, patience } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    // A process that stood still: nothing looked at what waits before the slot was free.
    patience.ms = -1;
    ends.get(1)!();
    await runner.drained();
    expect(begun).toEqual([1]);
    expect(finishes.map((one) => [one.task_id, one.outcome])).toEqual([
      [1, { kind: 'done', result: null, enqueue: [] }],
      [2, { kind: 'released', cause: 'prefetched' }],
      [3, { kind: 'released', cause: 'prefetched' }],
    ]);
  });

  test('finding F16: is as old as the last beat when its answer is read only after nothing moved here', async () => {
    const { runner, finishes, begun, ends, board, patience } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    board.beatAt -= 2 * patience.ms;
    runner.begin([claimed(4)], randomBytes(16), board.generation);
    for (const id of [1, 2, 3]) {
      await expect.poll(() => begun.includes(id)).toBe(true);
      ends.get(id)!();
    }
    await runner.drained();
    expect(begun).toEqual([1, 2, 3]);
    expect(finishes.at(-1)).toMatchObject({
      task_id: 4,
      outcome: { kind: 'released', cause: 'prefetched' },
      age_ms: null,
    });
  });

  test('finding F2: does not begin once the liveness thread has closed the board, nor after it is open again', async () => {
    const { runner, finishes, begun, ends, board } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    board.close();
    board.reopen();
    ends.get(1)!();
    await runner.drained();
    expect(begun).toEqual([1]);
    expect(finishes.slice(1).map((one) => [one.task_id, one.outcome, one.age_ms])).toEqual([
      [2, { kind: 'released', cause: 'blocked' }, null],
      [3, { kind: 'released', cause: 'blocked' }, null],
    ]);
  });

  test('an attempt that runs here already is not started again', async () => {
    const { runner, begun, token, ends, board } = oneSlot();
    runner.begin([claimed(1)], token, board.generation);
    for (const id of [1, 2, 3]) {
      await expect.poll(() => begun.includes(id)).toBe(true);
      ends.get(id)!();
    }
    await runner.drained();
    expect(begun).toEqual([1, 2, 3]);
  });
});

describe('finding B2: a handler that ignores its end', () => {
  test('is no longer waited for when its attempt has ended, and holds its slot', async () => {
    const { runner, finishes, begun } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    runner.abortAll('shutdown');
    runner.giveUpAll();
    await runner.drained();
    expect(finishes.map((one) => one.outcome)).toEqual([
      { kind: 'released', cause: 'shutdown' },
      { kind: 'released', cause: 'shutdown' },
      { kind: 'released', cause: 'stuck' },
    ]);
    expect(runner).toMatchObject({ open: 0, stuck: 1, occupied: 1 });
  });

  test('gives its slot back when it ends at last', async () => {
    const { runner, begun, ends } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    runner.abortAll('shutdown');
    runner.giveUpAll();
    ends.get(1)!();
    await expect.poll(() => runner.stuck).toBe(0);
    expect(runner.attempts()).toEqual([]);
  });
});

describe('finding B4: a handler that fails outside of its promise', () => {
  test('ends its attempt as failed at once', async () => {
    const { runner, finishes, begun } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    runner.fail(runner.attempts()[0]!, 'stray', 'RangeError');
    expect(finishes.map((one) => one.outcome)).toEqual([
      { kind: 'retry', error_message: 'stray', error_class: 'RangeError' },
    ]);
  });

  test('is released all the same when it was told to end before', async () => {
    const { runner, finishes, begun } = oneSlot();
    await expect.poll(() => begun).toEqual([1]);
    const [first] = runner.attempts();
    first!.stop.abort('revoked');
    runner.fail(first!, 'stray', 'RangeError');
    expect(finishes.map((one) => one.outcome)).toEqual([{ kind: 'released', cause: 'revoked' }]);
  });
});
