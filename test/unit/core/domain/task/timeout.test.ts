import { describe, expect, it } from 'vitest';
import { LONGEST_TIMEOUT_S, timeoutSeconds } from '../../../../../src/core/domain/task/timeout.ts';

describe('timeoutSeconds', () => {
  it.each<[number | string | null, number]>([
    [60, 60],
    ['60', 60],
    [0.01, 1],
    [2_147_483_647, LONGEST_TIMEOUT_S],
    ['9007199254740993', LONGEST_TIMEOUT_S],
  ])('is the task’s own: %s', (own, expected) => {
    expect(timeoutSeconds(own, 900)).toBe(expected);
  });

  it.each([null, 0, -1, -2_147_483_648, '-9007199254740993'])('is the other one for %s', (own) => {
    expect(timeoutSeconds(own, 900)).toBe(900);
    expect(timeoutSeconds(own, 2_147_483_647)).toBe(LONGEST_TIMEOUT_S);
  });
});
