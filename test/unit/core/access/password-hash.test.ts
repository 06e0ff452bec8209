import { describe, expect, it } from 'vitest';
import { COST, PasswordHasher } from '../../../../src/core/access/password-hash.ts';
import type { AfdError } from '../../../../src/core/domain/errors.ts';

const CHEAP = { ln: 4, r: 8, p: 1 };

describe('the hash of a password', () => {
  it('is scrypt with the parameters that OWASP names, and another salt each time', async () => {
    const hasher = new PasswordHasher();
    expect(COST).toEqual({ ln: 17, r: 8, p: 1 });
    const hash = await hasher.hash('correct horse battery');
    expect(hash).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.verify('correct horse battery', hash, 'n')).toEqual({ ok: true, old: false });
    expect(await hasher.verify('correct horse batter', hash, 'n')).toEqual({ ok: false, old: false });
    const cheap = new PasswordHasher(CHEAP);
    expect(await cheap.hash('correct horse battery')).not.toBe(await cheap.hash('correct horse battery'));
  });

  it('with other parameters than new ones is told, and still verified', async () => {
    const hash = await new PasswordHasher(CHEAP).hash('correct horse battery');
    const next = new PasswordHasher({ ln: 5, r: 8, p: 1 });
    expect(await next.verify('correct horse battery', hash, 'n')).toEqual({ ok: true, old: true });
  });

  it('is the same however an accented letter is typed', async () => {
    const hasher = new PasswordHasher(CHEAP);
    expect(
      await hasher.verify('cafe\u0301 cafe\u0301 cafe', await hasher.hash('caf\u00e9 caf\u00e9 cafe'), 'n'),
    ).toMatchObject({
      ok: true,
    });
  });

  it('does the same work for a name that nobody has', async () => {
    const hasher = new PasswordHasher(CHEAP);
    expect(await hasher.verify('correct horse battery', undefined, 'n')).toEqual({ ok: false, old: false });
    expect(hasher.made).toBe(1);
  });

  it('of another form, or with parameters that would take all memory, is refused', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const hash = await hasher.hash('correct horse battery');
    const odd = [
      '',
      'x',
      hash.slice(1),
      hash.replace('ln=4', 'ln=30'),
      hash.replace('ln=4,r=8', 'ln=20,r=99'),
      hash.replace('p=1', 'p=99'),
    ];
    for (const one of odd) await expect(hasher.verify('x', one, 'n')).rejects.toMatchObject({ code: 'E_INTERNAL' });
    expect(hasher.made).toBe(1);
  });

  it('is made for few at a time: more than 32 who wait are refused, and so are more than 4 from one network', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const all = (networkOf: (n: number) => string) =>
      Promise.allSettled(Array.from({ length: 200 }, (_, n) => hasher.verify('x', undefined, networkOf(n))));
    const refused = (ends: PromiseSettledResult<unknown>[]) =>
      ends.filter((one) => one.status === 'rejected' && (one.reason as AfdError).code === 'E_TEMPORARY').length;
    expect(refused(await all((n) => `192.0.2.${n}`))).toBe(200 - 34);
    expect(refused(await all(() => '192.0.2.1'))).toBe(196);
    expect(refused(await all((n) => `198.51.100.${n % 3}`))).toBe(188);
    expect(hasher.made).toBe(34 + 4 + 12);
  });
});
