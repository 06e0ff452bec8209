import { describe, expect, it } from 'vitest';
import { KILLS, planOf } from '../../chaos/plan.ts';

describe('the plan of a storm', () => {
  const options = { seed: 7, kills: 60, tasks: 800 };

  it('is decided by its seed alone', () => {
    expect(planOf(options)).toEqual(planOf(options));
    expect(planOf({ ...options, seed: 8 })).not.toEqual(planOf(options));
  });

  it('has as many kills and tasks as were asked for, each task under its own key', () => {
    const { steps, tasks } = planOf(options);
    expect(steps.filter((one) => KILLS.includes(one.kind))).toHaveLength(60);
    expect(new Set(tasks.map((one) => one.key)).size).toBe(800);
  });

  it('holds every kind of fault and every fate when it is long enough', () => {
    const { steps, tasks } = planOf({ ...options, kills: 600 });
    expect(new Set(steps.map((one) => one.kind)).size).toBe(37);
    expect(new Set(tasks.map((one) => one.task_data.fate)).size).toBe(10);
  });
});
