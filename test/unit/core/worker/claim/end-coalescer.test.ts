import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EndCoalescer } from '../../../../../src/core/worker/claim/end-coalescer.ts';

const coalescer = (facts: { length: number; busy: number; hasPrefetched: boolean }) =>
  new EndCoalescer({ queue: facts, runner: facts, planner: facts });

/** Whether the wait is still going on after a moment in which one that waits for nothing ends. */
async function lasts(wait: Promise<void>): Promise<boolean> {
  let over = false;
  void wait.then(() => (over = true));
  for (let n = 0; n < 5; n += 1) await turn();
  return !over;
}

test.each([
  ['there are none', { length: 0, busy: 5, hasPrefetched: true }],
  ['nothing is prefetched', { length: 1, busy: 1, hasPrefetched: false }],
  ['there are enough', { length: 20, busy: 40, hasPrefetched: true }],
  // After the longest time.
  ['no other comes', { length: 1, busy: 9, hasPrefetched: true }],
])('ends are written when %s', async (_, facts) => {
  await coalescer(facts).wait();
});

test('while enough is prefetched they wait until there are twenty, or until a slot would wait', async () => {
  const facts = { length: 1, busy: 1, hasPrefetched: true };
  const of = coalescer(facts);
  for (const news of [{ length: 20 }, { length: 2, hasPrefetched: false }]) {
    Object.assign(facts, { length: 1, hasPrefetched: true });
    const wait = of.wait();
    facts.length = 19;
    of.queued();
    expect(await lasts(wait)).toBe(true);
    Object.assign(facts, news);
    of.queued();
    await wait;
  }
});

test('they do not wait while something else wants the session, that once, and never after the stop', async () => {
  const of = coalescer({ length: 1, busy: 1, hasPrefetched: true });
  of.hurry();
  await of.wait();
  const second = of.wait();
  expect(await lasts(second)).toBe(true);
  of.hurry();
  await second;
  const third = of.wait();
  of.gatherNoMore();
  await third;
  await of.wait();
});
