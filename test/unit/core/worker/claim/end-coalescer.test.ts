import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EndCoalescer } from '../../../../../src/core/worker/claim/end-coalescer.ts';

const coalescer = (facts: { length: number; busy: number; hasPrefetched: boolean }) =>
  new EndCoalescer({ queue: facts, runner: facts, planner: facts });

test.each([
  ['there are none', { length: 0, busy: 5, hasPrefetched: true }],
  ['nothing is prefetched', { length: 1, busy: 1, hasPrefetched: false }],
  ['there are enough', { length: 20, busy: 40, hasPrefetched: true }],
  ['no other comes in 50 ms', { length: 1, busy: 9, hasPrefetched: true }],
])('ends are written when %s', async (_, facts) => {
  await coalescer(facts).wait();
});

test('they wait until there are twenty, a slot would wait, something else wants the session, or the worker stops', async () => {
  const facts = { length: 0, busy: 1, hasPrefetched: true };
  const of = coalescer(facts);
  for (const [change, end] of [
    [{ length: 20 }, () => of.queued()],
    [{ hasPrefetched: false }, () => of.queued()],
    [{}, () => of.hurry()],
    [{}, () => of.gatherNoMore()],
  ] as const) {
    Object.assign(facts, { length: 19, hasPrefetched: true });
    let over = false;
    const wait = of.wait().then(() => (over = true));
    for (let n = 0; n < 5; n += 1) await turn();
    of.queued();
    await turn();
    expect(over).toBe(false);
    Object.assign(facts, change);
    end();
    await wait;
  }
  await of.wait();
});
