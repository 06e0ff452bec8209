import { expect, test } from 'vitest';
import { planPartitions } from '../../../../src/core/domain/day-partitions.ts';

test('a new table gets today and the two days after it', () => {
  expect(planPartitions(['p_future'], '2026-11-30', 7)).toEqual({
    add: [
      { name: 'p20261130', before: '2026-12-01 00:00:00' },
      { name: 'p20261201', before: '2026-12-02 00:00:00' },
      { name: 'p20261202', before: '2026-12-03 00:00:00' },
    ],
    drop: [],
  });
});

test('nothing to do is an empty plan', () => {
  const existing = ['p20261124', 'p20261125', 'p20261126', 'p_future'];
  expect(planPartitions(existing, '2026-11-24', 7)).toEqual({ add: [], drop: [] });
});

test('days beyond the history go, what is not ours stays', () => {
  const plan = planPartitions(
    ['p_old', 'xp20200101', 'p202001010', 'p20261115', 'p20261116', 'p20261117', 'p20261126', 'p_future'],
    '2026-11-24',
    7,
  );
  expect(plan.drop).toEqual(['p20261115', 'p20261116']);
});

test('ranges are only cut off the open end: a hole is never filled', () => {
  expect(planPartitions(['p20261125', 'p_future'], '2026-11-24', 7).add.map((one) => one.name)).toEqual(['p20261126']);
});
