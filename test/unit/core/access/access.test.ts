// Keys, passwords and names of those who may sign in.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newApiKey, parseApiKey } from '../../../../src/core/access/api-key.ts';
import { COST, PasswordHasher } from '../../../../src/core/access/password-hash.ts';
import { LOCK_OUT_MS, lockedForMs } from '../../../../src/core/domain/access/lock-out.ts';
import { ACCESSES, mayAccess, ROLES, rolesWith } from '../../../../src/core/domain/access/role.ts';
import { refusedPassword, USER_NAME } from '../../../../src/core/domain/access/user-name.ts';
import type { AfdError } from '../../../../src/core/domain/errors.ts';
import { accessOf, OPERATION_ACCESS } from '../../../../src/http/operations/access.ts';
import { OPERATIONS } from '../../../../src/http/operations/operations.ts';

const PASSWORD = 'correct horse battery';
const CHEAP = { ln: 4, r: 8, p: 1 };

describe('an API key', () => {
  it('begins with afd_ and its id, and with one other character is none', () => {
    const { text, id, hash } = newApiKey();
    expect(text).toMatch(/^afd_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
    expect(text.split('_')[1]).toBe(id);
    expect(hash).toEqual(createHash('sha256').update(text).digest());
    expect(parseApiKey(text)).toEqual({ id, hash });
    for (let at = 0; at < text.length; at += 1) {
      const other = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
      expect([at, parseApiKey(other)]).toEqual([at, undefined]);
    }
    for (const none of ['', '{}', ' '.repeat(64)]) expect(parseApiKey(none)).toBeUndefined();
  });
});

describe('the hash of a password', () => {
  it('is scrypt with the parameters that OWASP names, and another salt each time', async () => {
    const hasher = new PasswordHasher();
    expect(COST).toEqual({ ln: 17, r: 8, p: 1 });
    const hash = await hasher.hash(PASSWORD);
    expect(hash).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.verify(PASSWORD, hash, 'n')).toEqual({ ok: true, old: false });
    const cheap = new PasswordHasher(CHEAP);
    expect(await cheap.hash(PASSWORD)).not.toBe(await cheap.hash(PASSWORD));
  });

  it('with other parameters is told, and one of an accented letter is the same however that is typed', async () => {
    const hash = await new PasswordHasher(CHEAP).hash('caf\u00e9 caf\u00e9 cafe');
    const next = new PasswordHasher({ ln: 5, r: 8, p: 1 });
    expect(await next.verify('cafe\u0301 cafe\u0301 cafe', hash, 'n')).toEqual({ ok: true, old: true });
    expect(await next.verify('cafe cafe cafe', hash, 'n')).toMatchObject({ ok: false });
  });

  it('of another form, or with parameters that would take all memory, is refused', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const hash = await hasher.hash(PASSWORD);
    const changed = ['ln=30', 'ln=20,r=99', 'ln=4,r=8,p=99'].map((so) => hash.replace(/ln=4(,r=8)?(,p=1)?/, so));
    for (const one of ['x', hash.slice(1), ...changed])
      await expect(hasher.verify('x', one, 'n')).rejects.toMatchObject({ code: 'E_INTERNAL' });
    expect(hasher.made).toBe(1);
  });

  it('is made for few at a time: more than 32 who wait are refused, and so are more than 4 from one network', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const refused = async (networkOf: (n: number) => string) => {
      const all = Array.from({ length: 200 }, (_, n) => hasher.verify('x', undefined, networkOf(n)));
      const ends = await Promise.allSettled(all);
      return ends.filter((one) => one.status === 'rejected' && (one.reason as AfdError).code === 'E_TEMPORARY').length;
    };
    expect(await refused((n) => `192.0.2.${n}`)).toBe(200 - 34);
    expect(await refused((n) => `198.51.100.${n % 3}`)).toBe(188);
    expect(hasher.made).toBe(34 + 12);
  });
});

it('failed log-ins lock out for 15 minutes after the last of five, if these came within 15 minutes', () => {
  const locked = (...minutes: number[]) =>
    lockedForMs(
      minutes.map((one) => one * 60_000),
      5,
    ) / 60_000;
  expect([locked(), locked(0, 1, 2, 3), locked(0, 0, 0, 0, 0)]).toEqual([0, 0, LOCK_OUT_MS / 60_000]);
  expect([locked(1, 2, 3, 4, 15), locked(14, 15, 16, 17, 29)]).toEqual([14, 1]);
  expect([locked(14, 15, 16, 17, 29 + 1 / 60_000), locked(15, 15, 15, 15, 15)]).toEqual([0, 0]);
});

it('a password has 12 characters, and is not the name', () => {
  // Four bytes each, and two units of UTF-16.
  expect(refusedPassword('alice', '\u{1f600}'.repeat(11))).toMatch(/at least 12 characters/);
  expect(refusedPassword('alice', '\u{1f600}'.repeat(12))).toBeUndefined();
  expect(refusedPassword('Alice.Archer', 'alice.archer')).toMatch(/is the name/);
  expect(refusedPassword('alice', 'a'.repeat(1025))).toMatch(/at most/);
});

it('the name of a user has letters, digits and a few signs', () => {
  const names = ['a', '7', 'alice.b-c_d@example.org', 'A'.repeat(64)];
  const others = ['', '-a', 'a b', 'a:b', 'a\n', 'é', 'a'.repeat(65)];
  expect([...names, ...others].filter((name) => USER_NAME.test(name))).toEqual(names);
});

it('each kind of access has its roles, and no other', () => {
  expect(Object.fromEntries(ACCESSES.map((access) => [access, rolesWith(access)]))).toEqual({
    public: ROLES,
    self: ['viewer', 'operator', 'submitter', 'admin'],
    follow: ['viewer', 'operator', 'submitter', 'admin'],
    read: ['viewer', 'operator', 'admin'],
    submit: ['operator', 'submitter', 'admin'],
    operate: ['operator', 'admin'],
    device: ['device'],
    admin: ['admin'],
  });
  expect(ACCESSES.filter((access) => mayAccess(undefined, access))).toEqual(['public']);
});

it('each operation has one; what has none is for administrators alone', () => {
  expect(Object.keys(OPERATION_ACCESS).sort()).toEqual(Object.keys(OPERATIONS).sort());
  expect([accessOf('somethingNew'), accessOf(undefined), accessOf('toString')]).toEqual(['admin', 'admin', 'admin']);
});
