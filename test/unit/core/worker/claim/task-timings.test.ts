import { describe, expect, test } from 'vitest';
import type { ClaimedTask } from '../../../../../src/core/db/claim/claimed-task.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';

const candidate = (over: Partial<ClaimedTask> = {}): ClaimedTask => ({
  ...{ id: 1, attempt: 0, task_type: 't', username: null, app_id: null, start_date: null, end_date: null },
  ...{
    task_data: null,
    payload_bytes: 0,
    priority: 5,
    retry: 0,
    execution_timeout: null,
    required_capabilities: null,
    claim_rank: 5,
  },
  ...{ due_at: '2026-01-01 00:00:00.000', claimed_by: null, lease_s: 0, deferred: false, assignment_id: null },
  ...over,
});

/** Attempts that last this many milliseconds, of which one ends every `every` milliseconds while there is something to run. */
function paceOf(ms: number, ends = 20, every = 5): TaskTimings {
  let now = 0;
  const timings = new TaskTimings(() => now);
  timings.begin();
  for (let n = 0; n < ends; n += 1) {
    now += every;
    timings.note('t', ms);
  }
  return timings;
}

test('a type is short after twenty short attempts, and not before', () => {
  expect(paceOf(1, 19).isShort('t')).toBe(false);
  expect(paceOf(1, 20).isShort('t')).toBe(true);
  expect(paceOf(201).isShort('t')).toBe(false);
});

test('slow attempts are felt at once, also while they run', () => {
  const timings = paceOf(1);
  timings.note('t', 1000);
  expect(timings.isShort('t')).toBe(false);
  const other = paceOf(1);
  other.lasts('t', 1000);
  expect(other.isShort('t')).toBe(false);
});

test('what goes on does not count as an end', () => {
  const timings = paceOf(1, 19);
  for (let n = 0; n < 10; n += 1) timings.lasts('t', 1);
  expect(timings.isShort('t')).toBe(false);
});

describe('a type that is new here', () => {
  test('is assumed to be short where everything else is', () => {
    expect(paceOf(1).isShort('new')).toBe(true);
    expect(paceOf(201).isShort('new')).toBe(false);
    expect(new TaskTimings().isShort('new')).toBe(false);
  });

  test('is not, once its own first attempts speak against it', () => {
    const timings = paceOf(1, 2000);
    timings.note('new', 300);
    expect(timings.isShort('new')).toBe(false);
    // The others are what they were: one slow type is no reason to doubt them.
    expect(timings.isShort('t')).toBe(true);
    const waiting = paceOf(1, 2000);
    waiting.lasts('new', 1000);
    expect(waiting.isShort('new')).toBe(false);
  });

  test('gives a few tasks to a claim, a hundred or as many as there are slots; a known one all it has', () => {
    const timings = paceOf(1, 2000);
    expect(timings.mostFrom('new', { free: 2, short: 3 })).toBe(100);
    expect(timings.mostFrom('new', { free: 150, short: 140 })).toBe(150);
    expect(timings.mostFrom('t', { free: 2, short: 3 })).toBe(Number.POSITIVE_INFINITY);
    expect(timings.mostFrom(undefined, { free: 2, short: 3 })).toBe(Number.POSITIVE_INFINITY);
    // What is not assumed to be short is not claimed beyond the slots at all.
    expect(paceOf(300).mostFrom('new', { free: 2, short: 3 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('doubted once, everything new is, until what ends here has been short for a while', () => {
    const timings = paceOf(1, 2000);
    timings.note('slow', 10_000);
    expect(timings.isShort('new')).toBe(false);
    for (let n = 0; n < 200; n += 1) timings.note('t', 1);
    expect(timings.isShort('new')).toBe(true);
    expect(timings.isShort('slow')).toBe(false);
  });
});

test('as much is prefetched as ends here in 100 ms, as the slots could run in that time, and no more than 500', () => {
  expect(paceOf(0.1, 2000, 0.5).prefetchLimit('t', 50)).toBe(200);
  expect(paceOf(0.1, 2000, 0.1).prefetchLimit('t', 50)).toBe(500);
  expect(paceOf(100, 2000, 0.1).prefetchLimit('t', 10)).toBe(10);
  expect(paceOf(1, 2000, 0.1).prefetchLimit('t', 0)).toBe(0);
  expect(paceOf(1000, 2000, 0.1).prefetchLimit('t', 50)).toBe(0);
  // Before the rate is known nothing is.
  expect(paceOf(0.1, 20, 0.1).prefetchLimit('t', 50)).toBe(0);
});

test('time in which there is nothing to run says nothing about how fast tasks end', () => {
  let now = 0;
  const timings = new TaskTimings(() => now);
  for (let n = 0; n < 200; n += 1) {
    timings.begin();
    now += 0.5;
    timings.note('t', 0.1);
    timings.rest();
    now += 1000;
  }
  expect(timings.prefetchLimit('t', 200)).toBe(200);
});

test('no more is prefetched than ends here in a second, or than there are slots: a burst says little about what follows', () => {
  let now = 0;
  const timings = new TaskTimings(() => now);
  timings.begin();
  for (let n = 0; n < 100; n += 1) {
    now += 0.1;
    timings.note('t', 0.1);
  }
  timings.rest();
  now += 400;
  // 100 in 410 ms.
  expect(timings.prefetchLimit('t', 10)).toBe(198);
  now += 1600;
  expect(timings.prefetchLimit('t', 10)).toBe(15);
  now += 20_000;
  expect(timings.prefetchLimit('t', 10)).toBe(10);
});

test('after a pause the first tasks say how many end in a second, those of less than 100 ms as if they had taken that', () => {
  let now = 0;
  const timings = new TaskTimings(() => now);
  const run = (ends: number, every: number) => {
    timings.begin();
    for (let n = 0; n < ends; n += 1) {
      now += every;
      timings.note('t', 0.1);
    }
  };
  run(30, 1);
  timings.rest();
  expect(timings.prefetchLimit('t', 2)).toBe(100);
  now += 900;
  timings.begin();
  // A pause of less than a second is no pause: 30 in 930 ms.
  expect(timings.prefetchLimit('t', 2)).toBe(19);
  timings.rest();
  now += 5000;
  run(2, 5);
  expect(timings.prefetchLimit('t', 2)).toBe(20);
});

test('where claims take long, what runs while ten are under way is prefetched, but no more than a second of work', () => {
  const timings = paceOf(20, 2000, 2);
  expect(timings.prefetchLimit('t', 10)).toBe(50);
  for (let n = 0; n < 50; n += 1) timings.claimed(30);
  expect(timings.prefetchLimit('t', 10)).toBe(149);
  for (let n = 0; n < 50; n += 1) timings.claimed(20_000);
  expect(timings.prefetchLimit('t', 10)).toBe(500);
  for (let n = 0; n < 50; n += 1) timings.claimed(5);
  expect(timings.prefetchLimit('t', 10)).toBe(50);
});

test('first attempts of short types are claimed as deferred, also those that are prefetched', () => {
  const timings = paceOf(20, 2000, 10);
  const room = { free: 2, short: 2 };
  const weighed = (one: ClaimedTask, index: number) => timings.admit(one, 'lane', room, index);
  expect([0, 1, 2, 11, 12].map((n) => weighed(candidate(), n))).toEqual(['defer', 'defer', 'defer', 'defer', 'stop']);
  expect([0, 2].map((n) => weighed(candidate({ attempt: 1 }), n))).toEqual(['record', 'stop']);
  expect(weighed(candidate({ claimed_by: 'd2' }), 0)).toBe('record');
  timings.note('slow', 500);
  expect(weighed(candidate({ task_type: 'slow' }), 0)).toBe('record');
  expect(timings.admit(candidate(), 'directed', room, 0)).toBe('record');
});
