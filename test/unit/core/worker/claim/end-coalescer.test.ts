import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EndCoalescer } from '../../../../../src/core/worker/claim/end-coalescer.ts';

/** One that says when its wait is over; what it asks can be changed. */
function coalescer(facts: { length: number; busy: number; hasPrefetched: boolean }) {
  const of = new EndCoalescer({ queue: facts, runner: facts, planner: facts });
  const state = { over: false };
  const wait = () => {
    state.over = false;
    return of.wait().then(() => {
      state.over = true;
    });
  };
  return { of, state, wait };
}

/** Enough for a wait that waits for nothing, when nothing else runs. */
async function aMoment() {
  for (let n = 0; n < 5; n += 1) await turn();
}

test('ends wait for no others when nothing is prefetched, or when there are none', async () => {
  await coalescer({ length: 0, busy: 5, hasPrefetched: true }).wait();
  await coalescer({ length: 1, busy: 1, hasPrefetched: false }).wait();
  await coalescer({ length: 20, busy: 40, hasPrefetched: true }).wait();
});

test('while enough is prefetched they wait until there are twenty, or until a slot would wait', async () => {
  const facts = { length: 1, busy: 1, hasPrefetched: true };
  const { of, state, wait } = coalescer(facts);
  const first = wait();
  await aMoment();
  facts.length = 19;
  of.queued();
  expect(state.over).toBe(false);
  facts.length = 20;
  of.queued();
  await first;

  facts.length = 2;
  const second = wait();
  await aMoment();
  facts.hasPrefetched = false;
  of.queued();
  await second;
});

test('they do not wait while something else wants the session, that once, and never after the stop', async () => {
  const facts = { length: 1, busy: 1, hasPrefetched: true };
  const { of, state, wait } = coalescer(facts);
  of.hurry();
  await wait();
  const second = wait();
  await aMoment();
  expect(state.over).toBe(false);
  of.hurry();
  await second;
  const third = wait();
  of.gatherNoMore();
  await third;
  await wait();
});

test('they wait 50 ms at most', async () => {
  await coalescer({ length: 1, busy: 9, hasPrefetched: true }).wait();
});
