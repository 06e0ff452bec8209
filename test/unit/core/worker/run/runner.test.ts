import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
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
import { claimedTask } from '../../../../helpers/claimed-task.ts';

type Task = [id: number, type: 'browser' | 'call'];

/** A runner with one place for browsers, whose handlers end when they are told to. */
function runnerOf(slots: number, ...tasks: Task[]) {
  const finishes: Finish[] = [];
  const ends = new Map<number, () => void>();
  const begun: number[] = [];
  /** What each change of the slots said of places. */
  const placeFree: boolean[] = [];
  const none = () => {};
  const [board, events, timings, token] = [new PulseBoard(slots), new Events(), new TaskTimings(), randomBytes(16)];
  const times = { startFlushAfterMs: 60_000, deadlineSlackS: 30 };
  const attempts = new HeldAttempts({ events, timings, returned: none, ...times });
  const patience = { ms: 60_000 };
  const handler = functionHandler(({ task_id }) => {
    begun.push(task_id);
    return new Promise<void>((resolve) => ends.set(task_id, resolve));
  });
  const runner = new Runner({
    ...{ slots, deviceId: 'd1', defaultTimeoutS: 60, stuckAfterMs: 60_000 },
    handlers: new Map(['browser', 'call'].map((type) => [type, handler])),
    maxima: new Map([
      ['browser', 1],
      ['call', slots],
    ]),
    ...{ payloads: new Payloads(), events, attempts, board },
    get prefetchTtlMs() {
      return patience.ms;
    },
    masked: (_attempt, text) => text,
    outputOf: () => new AttemptOutput({ debug: none, info: none, warn: none, error: none }, undefined, () => undefined),
    reports: { read: async () => undefined, flush: async () => {} },
    secrets: async () => [],
    hide: none,
    reportOf: (of, complain) => new RunningReport({ of, complain, masked: (text) => text, onChange: none }),
    onFinish: (finish) => finishes.push(finish),
    onSlots: (free = false) => placeFree.push(free),
  });
  const begin = (...more: Task[]) => {
    const claimed = more.map(([id, task_type]) => claimedTask({ id, task_type }));
    runner.begin(claimed, token, board.generation);
  };
  begin(...tasks);
  const end = async (id: number) => {
    await expect.poll(() => begun.includes(id)).toBe(true);
    ends.get(id)!();
    await expect.poll(() => runner.attempts().map((one) => one.task_id)).not.toContain(id);
  };
  return { runner, finishes, begun, placeFree, patience, board, begin, end };
}

/** The first of three tasks runs. */
async function firstOf(slots: number, type: Task[1]) {
  const made = runnerOf(slots, [1, type], [2, type], [3, type]);
  await expect.poll(() => made.begun).toEqual([1]);
  return made;
}
const oneSlot = () => firstOf(1, 'call');

const released = (cause: string, ...ids: number[]) =>
  ids.map((task_id) => ({ task_id, outcome: { kind: 'released', cause }, age_ms: null }));

describe.each([
  ['a slot', 1, 'call'],
  ['a place of its type', 3, 'browser'],
] as const)('what waits for %s', (_, slots, type) => {
  test.each([
    ['prefetched', 'it has waited for too long'],
    ['shutdown', 'the worker stops'],
  ])('is released as %s when %s, never begins, and leaves it to the next claim', async (cause) => {
    const { runner, finishes, begun, placeFree, patience, end } = await firstOf(slots, type);
    if (cause === 'shutdown') runner.abortAll('shutdown');
    patience.ms = -1;
    runner.returnPrefetched();
    expect(finishes).toMatchObject(released(cause, 2, 3));
    await end(1);
    await runner.drained();
    expect(begun).toEqual([1]);
    expect(runner.room()).toBe(slots);
    expect(placeFree.at(-1)).toBe(type === 'browser');
  });
});

describe('what is prefetched', () => {
  test('waits for a slot, is not counted as running, and begins once', async () => {
    const { runner, begun, begin, end } = await oneSlot();
    begin([1, 'call']);
    expect(runner).toMatchObject({ occupied: 1, busy: 3 });
    expect([runner.room(), runner.room(2), runner.room(5)]).toEqual([0, 0, 3]);
    for (const id of [1, 2, 3]) await end(id);
    await runner.drained();
    expect(begun).toEqual([1, 2, 3]);
  });

  test('finding F16: does not begin when its slot comes only after it has waited for too long', async () => {
    const { runner, finishes, begun, patience, end } = await oneSlot();
    // A process that stood still: nothing looked at what waits before the slot was free.
    patience.ms = -1;
    await end(1);
    await runner.drained();
    expect(begun).toEqual([1]);
    expect(finishes).toMatchObject([{ task_id: 1, outcome: { kind: 'done' } }, ...released('prefetched', 2, 3)]);
  });

  test('finding F16: is as old as the last beat when its answer is read only after nothing moved here', async () => {
    const { runner, finishes, begun, board, patience, begin, end } = await oneSlot();
    board.beatAt -= 2 * patience.ms;
    begin([4, 'call']);
    for (const id of [1, 2, 3]) await end(id);
    await runner.drained();
    expect(begun).toEqual([1, 2, 3]);
    expect(finishes.at(-1)).toMatchObject(released('prefetched', 4)[0]!);
  });

  test('finding F2: does not begin once the liveness thread has closed the board, nor after it is open again', async () => {
    const { runner, finishes, begun, board, end } = await oneSlot();
    board.close();
    board.reopen();
    await end(1);
    await runner.drained();
    expect(begun).toEqual([1]);
    expect(finishes.slice(1)).toMatchObject(released('blocked', 2, 3));
  });
});

test('finding B2: a handler that ignores its end is waited for no longer, and holds its slot until it ends', async () => {
  const { runner, finishes, end } = await oneSlot();
  runner.abortAll('shutdown');
  runner.giveUpAll();
  await runner.drained();
  expect(finishes.at(-1)!.outcome).toEqual({ kind: 'released', cause: 'stuck' });
  expect(runner).toMatchObject({ open: 0, stuck: 1, occupied: 1 });
  await end(1);
  expect(runner).toMatchObject({ stuck: 0, occupied: 0 });
});

test.each([
  ['as failed', undefined, { kind: 'retry', error_message: 'stray', error_class: 'RangeError' }],
  ['as it was told to before', 'revoked', { kind: 'released', cause: 'revoked' }],
] as const)('finding B4: a handler that fails outside of its promise ends its attempt %s', async (_, told, outcome) => {
  const { runner, finishes } = await oneSlot();
  const [first] = runner.attempts();
  if (told !== undefined) first!.stop.abort(told);
  runner.fail(first!, 'stray', 'RangeError');
  expect(finishes.map((one) => one.outcome)).toEqual([outcome]);
});

describe('a type with a maximum below the slots', () => {
  test('keeps no other type from a free slot while its tasks wait for a place, and these take no room', async () => {
    const { runner, begun, end } = runnerOf(3, [1, 'browser'], [2, 'browser'], [3, 'browser'], [4, 'call']);
    await expect.poll(() => begun).toEqual([1, 4]);
    expect(runner).toMatchObject({ occupied: 2, busy: 2, open: 4 });
    expect(runner.room()).toBe(1);
    expect([...runner.places]).toMatchObject([['browser', { free: 0, waiting: 2 }]]);
    for (const id of [1, 2, 3, 4]) await end(id);
    await runner.drained();
    expect(runner.places.get('browser')).toMatchObject({ free: 1, waiting: 0 });
  });

  test('gives a free place to the next, which waits for a slot like others', async () => {
    const { runner, begun, begin, end } = runnerOf(3, [1, 'browser'], [2, 'browser'], [3, 'call'], [4, 'call']);
    begin([5, 'call'], [6, 'call']);
    await expect.poll(() => begun).toEqual([1, 3, 4]);
    await end(1);
    await expect.poll(() => begun).toEqual([1, 3, 4, 5]);
    expect(runner.places.get('browser')).toMatchObject({ free: 0, waiting: 0 });
    expect(runner).toMatchObject({ occupied: 3, busy: 5 });
    for (const id of [3, 4, 5, 6, 2]) await end(id);
    expect(begun).toEqual([1, 3, 4, 5, 6, 2]);
  });

  test('has a place less while an attempt of it is stuck', async () => {
    const { runner, begun, begin, end } = runnerOf(3, [1, 'browser']);
    await expect.poll(() => begun).toEqual([1]);
    runner.abortAll('revoked');
    runner.giveUpAll();
    begin([2, 'browser'], [3, 'call']);
    await expect.poll(() => begun).toEqual([1, 3]);
    expect(runner).toMatchObject({ stuck: 1, occupied: 2 });
    await end(1);
    await expect.poll(() => begun).toEqual([1, 3, 2]);
  });
});
