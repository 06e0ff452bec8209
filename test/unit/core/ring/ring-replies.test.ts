// What a worker answers to a ring: what the claim that follows it has brought.
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { monotonic } from '../../../../src/core/runtime/clock.ts';
import { RingReplies, type RingRepliesOptions } from '../../../../src/core/worker/ring-replies.ts';

const work = { lane: randomBytes(16), claim_rank: 5, n: 9 };
const known = { ...work, task_type: 't', required_capabilities: null };
const DUE = { ring: () => true, lane: () => known, learn: () => false };

function replies(options: Partial<RingRepliesOptions> = {}) {
  const seen = { problems: [] as unknown[], wakes: 0 };
  const made = new RingReplies({
    ...{ taskTypes: [], catalog: DUE, read: async () => known, slots: () => ({ running: 1, free: 2 }) },
    wake: () => {
      seen.wakes += 1;
    },
    onProblem: (error) => seen.problems.push(error),
    ...options,
  });
  return { made, seen };
}

it('a ring is answered with what the claim brought that began after it, and no more was asked for', async () => {
  const { made, seen } = replies();
  const before = monotonic() - 1;
  const answer = made.claim({ ...work, hops: 3 });
  await made.note(work);
  expect(seen.wakes).toBe(1);
  expect([made.takeLimit(), made.takeLimit()]).toEqual([9, undefined]);
  expect(made.onExchange({ began: before, asked: 9, claimed: 5 })).toBe(0);
  expect(made.onExchange({ began: monotonic(), asked: 9, claimed: 2 })).toBe(3);
  expect(await answer).toEqual({ claimed: 2, running: 1, free: 2 });
  expect(made.onExchange({ began: monotonic(), asked: 9, claimed: 1 })).toBe(0);
});

it.each<[string, Partial<RingRepliesOptions>]>([
  ['without a free slot', { slots: () => ({ running: 1, free: 0 }) }],
  ['that has nothing due', { catalog: { ...DUE, ring: () => false } }],
])('a device %s says so at once', async (_, options) => {
  const { made, seen } = replies(options);
  expect((await made.claim(work)).claimed).toBe(0);
  expect(seen.wakes).toBe(0);
});

it('finding S5: a worker whose catalog cannot take in a lane answers that nothing is due', async () => {
  const broken = new Error('broken');
  const learn = () => {
    throw broken;
  };
  const { made, seen } = replies({ catalog: { ring: () => false, lane: () => undefined, learn } });
  expect(await made.note(work)).toBe(false);
  expect(await made.claim(work)).toEqual({ claimed: 0, running: 1, free: 2 });
  expect(seen.problems).toEqual([broken, broken]);
});
