import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
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

const claimed = (id: number, task_type: string): ClaimedTask => ({
  ...{ id, attempt: 0, task_type, username: null, app_id: null, start_date: null, end_date: null },
  ...{ task_data: null, payload_bytes: 0, priority: 5, retry: 0, execution_timeout: null },
  ...{ required_capabilities: null, claim_rank: 5, due_at: '2026-01-01 00:00:00.000', claimed_by: null },
  ...{ assignment_id: null, lease_s: 60, deferred: true },
});

/** A runner of three slots and one place for browsers, whose handlers end when they are told to. `tasks`: id and type. */
function runnerOf(...tasks: Array<[number, 'browser' | 'call']>) {
  const finishes: Finish[] = [];
  const ends = new Map<number, () => void>();
  const begun: number[] = [];
  /** What each change of the slots said of places. */
  const placeFree: boolean[] = [];
  const none = () => {};
  const [board, events] = [new PulseBoard(3), new Events()];
  const timings = new TaskTimings();
  const attempts = new HeldAttempts({
    events,
    timings,
    returned: () => {},
    startFlushAfterMs: 60_000,
    deadlineSlackS: 30,
  });
  const patience = { ms: 60_000 };
  const handler = functionHandler((task) => {
    begun.push(task.task_id);
    return new Promise<void>((resolve) => ends.set(task.task_id, resolve));
  });
  const runner = new Runner({
    ...{ slots: 3, deviceId: 'd1', defaultTimeoutS: 60, stuckAfterMs: 60_000 },
    handlers: new Map([
      ['browser', handler],
      ['call', handler],
    ]),
    maxima: new Map([
      ['browser', 1],
      ['call', 3],
    ]),
    ...{ payloads: new Payloads(), events, attempts, board },
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
    onSlots: (free = false) => placeFree.push(free),
  });
  const begin = (...more: Array<[number, 'browser' | 'call']>) =>
    runner.begin(
      more.map(([id, type]) => claimed(id, type)),
      randomBytes(16),
      board.generation,
    );
  begin(...tasks);
  const end = async (id: number) => {
    await expect.poll(() => begun.includes(id)).toBe(true);
    ends.get(id)!();
    await expect.poll(() => runner.attempts().map((one) => one.task_id)).not.toContain(id);
  };
  return { runner, finishes, begun, placeFree, patience, begin, end };
}

test('what waits for a place of its type keeps no other type from a free slot, and takes no room', async () => {
  const { runner, begun, end } = runnerOf([1, 'browser'], [2, 'browser'], [3, 'browser'], [4, 'call']);
  await expect.poll(() => begun).toEqual([1, 4]);
  expect(runner).toMatchObject({ occupied: 2, busy: 2, open: 4 });
  expect(runner.room()).toBe(1);
  expect(runner.places.get('browser')).toMatchObject({ free: 0, waiting: 2 });
  await end(1);
  await expect.poll(() => begun).toEqual([1, 4, 2]);
  await end(2);
  await end(3);
  await end(4);
  await runner.drained();
  expect(runner.places.get('browser')).toMatchObject({ free: 1, waiting: 0 });
});

test('a place that is free while all slots are taken is held by the next, which waits for a slot like others', async () => {
  const { runner, begun, begin, end } = runnerOf([1, 'browser'], [2, 'browser'], [3, 'call'], [4, 'call']);
  begin([5, 'call'], [6, 'call']);
  await expect.poll(() => begun).toEqual([1, 3, 4]);
  await end(1);
  // It came to the queue of the slots after two calls.
  await expect.poll(() => begun).toEqual([1, 3, 4, 5]);
  expect(runner.places.get('browser')).toMatchObject({ free: 0, waiting: 0 });
  expect(runner).toMatchObject({ occupied: 3, busy: 5 });
  for (const id of [3, 4, 5, 6, 2]) await end(id);
  expect(begun).toEqual([1, 3, 4, 5, 6, 2]);
});

test('a stuck attempt holds its place as it holds its slot', async () => {
  const { runner, begun, finishes, begin, end } = runnerOf([1, 'browser']);
  await expect.poll(() => begun).toEqual([1]);
  runner.abortAll('revoked');
  runner.giveUpAll();
  begin([2, 'browser'], [3, 'call']);
  await expect.poll(() => begun).toEqual([1, 3]);
  expect(finishes).toMatchObject([{ task_id: 1, outcome: { kind: 'released', cause: 'stuck' } }]);
  expect(runner).toMatchObject({ stuck: 1, occupied: 2 });
  await end(1);
  await expect.poll(() => begun).toEqual([1, 3, 2]);
});

test('what has waited for a place for too long is returned, and leaves the place to the next claim', async () => {
  const { runner, begun, finishes, placeFree, patience, end } = runnerOf(
    [1, 'browser'],
    [2, 'browser'],
    [3, 'browser'],
  );
  await expect.poll(() => begun).toEqual([1]);
  patience.ms = -1;
  runner.returnPrefetched();
  expect(finishes.map((one) => [one.task_id, one.outcome])).toEqual([
    [2, { kind: 'released', cause: 'prefetched' }],
    [3, { kind: 'released', cause: 'prefetched' }],
  ]);
  expect(runner.places.get('browser')).toMatchObject({ free: 0, waiting: 0 });
  await end(1);
  expect(placeFree.at(-1)).toBe(true);
  expect(runner.places.get('browser')!.free).toBe(1);
  expect(begun).toEqual([1]);
});

test('what waits for a place is released at once when the worker stops', async () => {
  const { runner, begun, finishes, end } = runnerOf([1, 'browser'], [2, 'browser']);
  await expect.poll(() => begun).toEqual([1]);
  runner.abortAll('shutdown');
  expect(finishes).toMatchObject([{ task_id: 2, outcome: { kind: 'released', cause: 'shutdown' }, age_ms: null }]);
  await end(1);
  await runner.drained();
  expect(begun).toEqual([1]);
});

test('a free place is told of when the type was full and nothing here takes it', async () => {
  const { placeFree, end } = runnerOf([1, 'browser'], [2, 'browser'], [3, 'call']);
  placeFree.length = 0;
  for (const id of [1, 3, 2]) await end(id);
  expect(placeFree).toEqual([false, false, true]);
});

test('a maximum that the slots cannot exceed is none', () => {
  expect([...runnerOf().runner.places.keys()]).toEqual(['browser']);
});

test('old attempts are counted for all slots, and for the places of a type', async () => {
  const { runner, begun, end } = runnerOf([1, 'browser'], [2, 'call']);
  await expect.poll(() => begun).toEqual([1, 2]);
  expect([runner.slotsYounger(-1), runner.slotsYounger(-1, 'browser')]).toEqual([1, 0]);
  expect([runner.slotsYounger(60_000), runner.slotsYounger(60_000, 'browser')]).toEqual([3, 1]);
  await end(1);
  expect([runner.slotsYounger(-1), runner.slotsYounger(-1, 'browser')]).toEqual([2, 1]);
});
