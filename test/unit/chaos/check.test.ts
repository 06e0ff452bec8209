// The checker is checked: good stories pass, and each bad one is caught by the rule that is about it.
import { describe, expect, it } from 'vitest';
import { check } from '../../chaos/check/check.ts';
import { figures } from '../../chaos/check/percentiles.ts';
import { BAD } from './bad-stories.ts';
import { GOOD } from './good-stories.ts';
import type { Story } from './story.ts';

/** Numbers of the rules that are broken. */
function broken(story: Story): number[] {
  return check(story.evidence())
    .filter((verdict) => verdict.violations.length > 0)
    .map((verdict) => verdict.rule);
}

describe('the history checker', () => {
  it.for(Object.entries(GOOD))('lets pass: %s', ([, story]) => {
    expect(check(story().evidence()).flatMap((verdict) => verdict.violations)).toEqual([]);
  });

  it.for(BAD)('catches: %s (rule %i)', ([, rule, story]) => {
    expect(broken(story())).toContain(rule);
  });

  it('counts what was recovered, repeated and explained', () => {
    const verdicts = check(GOOD['a worker that dies, and its task done by another']!().evidence());
    expect(verdicts.find((one) => one.rule === 10)?.counts).toMatchObject({
      executions: 2,
      repeated: 1,
      'lost: device_dead': 1,
    });
    const unknown = check(GOOD['an enqueue without an answer, whose row is there']!().evidence());
    expect(unknown.find((one) => one.rule === 1)?.counts).toEqual({ acknowledged: 0, unknown: 1, recovered: 1 });
  });

  it('measures recovery from the kill', () => {
    const { rescue_s, restart_s } = figures(GOOD['a worker that dies, and its task done by another']!().evidence());
    expect(rescue_s).toMatchObject({ n: 1, p50: 1 });
    expect(restart_s.n).toBe(1);
  });
});
