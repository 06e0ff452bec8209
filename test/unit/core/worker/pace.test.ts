import { expect, test } from 'vitest';
import type { Candidate } from '../../../../src/core/db/queries/select-candidates.ts';
import { Pace } from '../../../../src/core/worker/pace.ts';

const candidate = (over: Partial<Candidate> = {}): Candidate => ({
  ...{ id: 1, attempt: 0, task_type: 't', username: null, app_id: null, start_date: null, end_date: null },
  ...{ task_data: null, priority: 5, retry: 0, execution_timeout: null, required_capabilities: null, claim_rank: 5 },
  ...{ due_at: '2026-01-01 00:00:00.000', claimed_by: null },
  ...over,
});

/** Attempts that last so long, of which one ends every `every` milliseconds. */
function paceOf(ms: number, ends = 20, every = 5): Pace {
  let now = 0;
  const pace = new Pace(() => now);
  for (let n = 0; n < ends; n += 1) {
    pace.note('t', ms);
    now += every;
  }
  return pace;
}

test('a type is brisk after twenty short attempts, and not before', () => {
  expect(paceOf(1, 19).brisk('t')).toBe(false);
  expect(paceOf(1, 20).brisk('t')).toBe(true);
  expect(paceOf(201).brisk('t')).toBe(false);
  expect(paceOf(1).brisk('another')).toBe(false);
});

test('slow attempts are felt at once', () => {
  const pace = paceOf(1);
  pace.note('t', 1000);
  expect(pace.brisk('t')).toBe(false);
});

test('as much is claimed ahead as ends here in 100 ms, as the slots could run in that time, and no more than 500', () => {
  expect(paceOf(0.1, 2000, 0.5).ahead('t', 50)).toBe(200);
  expect(paceOf(0.1, 2000, 0.1).ahead('t', 50)).toBe(500);
  expect(paceOf(100, 2000, 0.1).ahead('t', 10)).toBe(10);
  expect(paceOf(1, 2000, 0.1).ahead('t', 0)).toBe(0);
  expect(paceOf(1000, 2000, 0.1).ahead('t', 50)).toBe(0);
  // Before the rate is known nothing is.
  expect(paceOf(0.1, 20, 0.1).ahead('t', 50)).toBe(0);
});

test('first attempts of brisk types are claimed lightly, also ahead of the slots', () => {
  const pace = paceOf(20, 2000, 10);
  const room = { free: 2, slots: 2 };
  const weighed = (one: Candidate, index: number) => pace.weigh(one, 'lane', room, index);
  expect([0, 1, 2, 11, 12].map((n) => weighed(candidate(), n))).toEqual(['light', 'light', 'light', 'light', 'enough']);
  expect([0, 2].map((n) => weighed(candidate({ attempt: 1 }), n))).toEqual(['full', 'enough']);
  expect(weighed(candidate({ claimed_by: 'd2' }), 0)).toBe('full');
  expect(weighed(candidate({ task_type: 'slow' }), 0)).toBe('full');
  expect(pace.weigh(candidate(), 'directed', room, 0)).toBe('full');
});
