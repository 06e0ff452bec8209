// The checker is checked: good stories pass, and each bad one is caught by the rule that is about it.
import { describe, expect, it } from 'vitest';
import { check } from '../../chaos/check/check.ts';
import { figures } from '../../chaos/check/percentiles.ts';
import { BAD } from './bad-stories.ts';
import { DIES, GOOD, type Tell, UNANSWERED } from './good-stories.ts';
import { Story } from './story.ts';

const told = (tell: Tell) => tell(new Story()).evidence();
const countsOf = (story: string, rule: number) => check(told(GOOD[story]!)).find((one) => one.rule === rule)?.counts;

describe('the history checker', () => {
  it.for(Object.entries(GOOD))('lets pass: %s', ([, tell]) => {
    expect(check(told(tell)).flatMap((verdict) => verdict.violations)).toEqual([]);
  });

  describe.for(Object.entries(BAD))('by rule %s', ([rule, stories]) => {
    it.for(Object.entries(stories))('catches: %s', ([, tell]) => {
      const broken = check(told(tell)).filter((verdict) => verdict.violations.length > 0);
      expect(broken.map((verdict) => verdict.rule)).toContain(Number(rule));
    });
  });

  it('counts what was recovered, repeated and explained', () => {
    expect(countsOf(DIES, 10)).toMatchObject({ executions: 2, repeated: 1, 'lost: device_dead': 1 });
    expect(countsOf(UNANSWERED, 1)).toEqual({ acknowledged: 0, unknown: 1, recovered: 1 });
  });

  it('measures recovery from the kill', () => {
    const one = { n: 1, p50: 1 };
    expect(figures(told(GOOD[DIES]!))).toMatchObject({ rescue_s: one, restart_s: { n: 1 } });
  });
});
