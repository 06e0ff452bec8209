import { expect, test } from 'vitest';
import type { ClaimedTask } from '../../../../../src/core/db/claim/claimed-task.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { claimedTask } from '../../../../helpers/claimed-task.ts';

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

test('a type is short after twenty short attempts; slow ones are felt at once, also while they run, and count as no end', () => {
  expect([paceOf(1, 19), paceOf(1, 20), paceOf(201)].map((one) => one.isShort('t'))).toEqual([false, true, false]);
  const [slow, lasting, growing] = [paceOf(1), paceOf(1), paceOf(1, 19)];
  slow.note('t', 1000);
  lasting.lasts('t', 1000);
  for (let n = 0; n < 10; n += 1) growing.lasts('t', 1);
  expect([slow, lasting, growing].map((one) => one.isShort('t'))).toEqual([false, false, false]);
});

test('a type that is new here is assumed to be short where everything else is, until its first attempts speak against it', () => {
  const known = [paceOf(1), paceOf(201), new TaskTimings()];
  expect(known.map((one) => one.isShort('new'))).toEqual([true, false, false]);
  const [noted, lasting] = [paceOf(1, 2000), paceOf(1, 2000)];
  noted.note('new', 300);
  lasting.lasts('new', 1000);
  expect([noted.isShort('new'), lasting.isShort('new')]).toEqual([false, false]);
  // One slow type is no reason to doubt the others.
  expect(noted.isShort('t')).toBe(true);
});

test('a new type gives a few tasks to a claim, a hundred or as many as there are slots; a known one all it has', () => {
  const timings = paceOf(1, 2000);
  const few = { free: 2, short: 3 };
  expect(timings.mostFrom('new', few)).toBe(100);
  expect(timings.mostFrom('new', { free: 150, short: 140 })).toBe(150);
  // What is not assumed to be short is not claimed beyond the slots at all.
  const most = [timings.mostFrom('t', few), timings.mostFrom(undefined, few), paceOf(300).mostFrom('new', few)];
  expect(most).toEqual(Array(3).fill(Number.POSITIVE_INFINITY));
});

test.each([
  ['as ends here in 100 ms', 0.1, 2000, 0.5, 50, 200],
  ['as 500 at most', 0.1, 2000, 0.1, 50, 500],
  ['as the slots could run in that time', 100, 2000, 0.1, 10, 10],
  ['nothing of long tasks', 1000, 2000, 0.1, 50, 0],
  ['nothing before the rate is known', 0.1, 20, 0.1, 50, 0],
])('as much is prefetched %s', (_, ms, ends, every, slots, most) => {
  expect(paceOf(ms, ends, every).prefetchLimit('t', slots)).toBe(most);
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
  expect([0, 1, 2, 11, 12].map((n) => weighed(claimedTask(), n))).toEqual(['defer', 'defer', 'defer', 'defer', 'stop']);
  expect([0, 2].map((n) => weighed(claimedTask({ attempt: 1 }), n))).toEqual(['record', 'stop']);
  expect(weighed(claimedTask({ claimed_by: 'd2' }), 0)).toBe('record');
  timings.note('slow', 500);
  expect(weighed(claimedTask({ task_type: 'slow' }), 0)).toBe('record');
  expect(timings.admit(claimedTask(), 'directed', room, 0)).toBe('record');
});
