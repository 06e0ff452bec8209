import { describe, expect, it } from 'vitest';
import { LOCK_OUT_MS, lockedForMs } from '../../../../src/core/domain/access/lock-out.ts';
import { refusedPassword, USER_NAME } from '../../../../src/core/domain/access/user-name.ts';

const MINUTE = 60_000;

describe('failed log-ins', () => {
  it('lock out for 15 minutes after the last of five, if these came within 15 minutes', () => {
    expect(lockedForMs([], 5)).toBe(0);
    expect(lockedForMs([0, 1, 2, 3], 5)).toBe(0);
    expect(lockedForMs([0, 1, 2, 3, 4], 5)).toBe(LOCK_OUT_MS);
    expect(lockedForMs([MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 15 * MINUTE], 5)).toBe(14 * MINUTE);
    expect(lockedForMs([14 * MINUTE, 15 * MINUTE, 16 * MINUTE, 17 * MINUTE, 29 * MINUTE], 5)).toBe(MINUTE);
    expect(lockedForMs([14 * MINUTE, 15 * MINUTE, 16 * MINUTE, 17 * MINUTE, 29 * MINUTE + 1], 5)).toBe(0);
    expect(lockedForMs([15 * MINUTE, 15 * MINUTE, 15 * MINUTE, 15 * MINUTE, 15 * MINUTE], 5)).toBe(0);
  });
});

describe('a password', () => {
  it('has 12 characters, and is not the name', () => {
    expect(refusedPassword('alice', 'eleven-char')).toMatch(/at least 12 characters/);
    // Four bytes each, and two units of UTF-16.
    expect(refusedPassword('alice', '\u{1f600}'.repeat(11))).toMatch(/at least 12/);
    expect(refusedPassword('alice', '\u{1f600}'.repeat(12))).toBeUndefined();
    expect(refusedPassword('alice', 'aaaaaaaaaaaa')).toBeUndefined();
    expect(refusedPassword('Alice.Archer', 'alice.archer')).toMatch(/is the name/);
    expect(refusedPassword('alice', 'a'.repeat(1025))).toMatch(/at most/);
  });
});

describe('the name of a user', () => {
  it('has letters, digits and a few signs', () => {
    for (const name of ['alice', 'a', '7', 'alice.b-c_d@example.org', 'A'.repeat(64)])
      expect(USER_NAME.test(name)).toBe(true);
    for (const name of ['', '-a', 'a b', 'a:b', 'a\n', 'é', 'a'.repeat(65)]) expect(USER_NAME.test(name)).toBe(false);
  });
});
