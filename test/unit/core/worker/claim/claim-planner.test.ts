import { describe, expect, test } from 'vitest';
import { type ClaimPlan, isSparse, planClaim } from '../../../../../src/core/worker/claim/claim-planner.ts';
import type { ClaimerOptions } from '../../../../../src/core/worker/claim/claimer-options.ts';
import { LaneCatalog } from '../../../../../src/core/worker/claim/lane-catalog.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';

interface Known {
  lanes: number;
  free: number;
  directed?: boolean;
  lean?: boolean;
}

/** A worker with so many free slots that knows so many lanes with due tasks, and what it would ask for. */
function plan({ lanes, free, directed = false, lean: sparse = true }: Known) {
  const types = Array.from({ length: lanes }, (_, n) => `t${n}`);
  const catalog = new LaneCatalog('w1', { supported_tasks: types });
  catalog.learn(
    types.map((task_type) => ({
      ...{ lane: Buffer.from(task_type.padEnd(16)), claim_rank: 5, task_type, required_capabilities: null },
    })),
    true,
  );
  if (directed) catalog.markDue([], true);
  const options = {
    catalog,
    timings: new TaskTimings(),
    room: (ahead: number) => free + ahead,
    limit: (room: number) => room,
    shortSlots: () => free,
  };
  return planClaim(options as unknown as ClaimerOptions, sparse, (limit) => limit);
}

test('many lanes are surveyed where much can be taken', () => {
  expect(plan({ lanes: 30, free: 50 })).toMatchObject({ countFirst: true, limit: 50 });
  expect(plan({ lanes: 30, free: 50 }).sources).toHaveLength(10);
});

test('a large claim of a lane waits for a ticket; a small one, a survey and directed tasks do not', () => {
  expect(plan({ lanes: 1, free: 50 }).ticket).toBe(true);
  expect(plan({ lanes: 1, free: 20 }).ticket).toBe(false);
  expect(plan({ lanes: 30, free: 50 }).ticket).toBe(false);
  expect(plan({ lanes: 1, free: 50, directed: true }).ticket).toBe(false);
});

test('few lanes, little room and directed tasks are asked at once', () => {
  for (const one of [
    { lanes: 4, free: 50 },
    { lanes: 30, free: 20 },
    { lanes: 30, free: 50, directed: true },
  ]) {
    expect(plan(one).countFirst, JSON.stringify(one)).toBe(false);
    expect(plan(one).sources.length).toBeLessThanOrEqual(4);
  }
});

test('lanes that have enough each are asked at once', () => {
  expect(plan({ lanes: 30, free: 50, lean: false }).countFirst).toBe(false);
});

describe('lanes are lean', () => {
  const asked = (countFirst: boolean): ClaimPlan => ({
    ...plan({ lanes: 30, free: 50, lean: countFirst }),
    countFirst,
  });
  const yielded = (...ends: boolean[]) => ends.map((exhausted) => ({ count: 20, exhausted }));

  test('when one gave less than half of what was asked, and was empty then', () => {
    expect(isSparse(asked(false), [{ count: 20, exhausted: true }], false)).toBe(true);
    expect(isSparse(asked(false), [{ count: 30, exhausted: true }], true)).toBe(false);
  });

  test('no longer when half of the surveyed have more than was asked of them', () => {
    expect(isSparse(asked(true), yielded(false, false, true), true)).toBe(false);
    expect(isSparse(asked(true), yielded(true, true, false), false)).toBe(true);
  });

  test('as before, when a claim says nothing about it', () => {
    for (const before of [true, false]) {
      expect(isSparse(asked(false), [], before)).toBe(before);
      expect(isSparse(asked(false), yielded(false), before)).toBe(before);
      expect(isSparse(plan({ lanes: 30, free: 50, directed: true }), yielded(true), before)).toBe(before);
    }
  });
});

test('nothing known and no room is no claim', () => {
  expect(plan({ lanes: 0, free: 50 }).sources).toEqual([]);
  expect(plan({ lanes: 3, free: 0 }).sources).toEqual([]);
});
