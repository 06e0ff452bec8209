import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '../../../../src/core/domain/redaction/known-secrets.ts';
import { redact } from '../../../../src/core/domain/redaction/redact.ts';
import { SecretMask } from '../../../../src/core/domain/redaction/secret-mask.ts';
import { shortLeaves, textsOf } from '../../../../src/core/domain/redaction/secret-texts.ts';
import { AttemptSecrets, SecretInside } from '../../../../src/core/secrets/attempt-secrets.ts';
import { concealedOutcome } from '../../../../src/core/secrets/concealed-outcome.ts';
import { mayRefer, referenceOf, referencesIn } from '../../../../src/core/secrets/references.ts';

const ACCOUNT = {
  user: 'anna@example.com',
  password: 'canary-one',
  pin: 4711_0815,
  short: 'abc',
  list: ['canary-two'],
};
const secrets = new AttemptSecrets(new Map(Object.entries({ 'shop/42': ACCOUNT, token: 'canary-three' })));

describe('a reference', () => {
  it('is a whole text with the name of a secret, and perhaps of a member', () => {
    expect(referenceOf('secret:shop/42')).toEqual({ name: 'shop/42', path: [] });
    expect(referenceOf('secret:shop/42#login.password')).toEqual({ name: 'shop/42', path: ['login', 'password'] });
    const others = ['secret:', 'Secret:a', ' secret:a', 'secret:a b', 'secret:-a', 'secret:a#', 'secret:a#b#c'];
    for (const text of [...others, `secret:${'a'.repeat(129)}`, 'secret:a\n']) {
      expect(referenceOf(text), text).toBeUndefined();
    }
  });

  it('is found at any depth of a payload, as a value and not as a key', () => {
    const payload = { 'secret:key': 1, a: ['secret:one', { b: 'secret:two#c' }], d: 'not secret:three', e: null };
    expect(referencesIn(payload).map(({ name }) => name)).toEqual(['one', 'two']);
  });

  it('is looked for only where the JSON text may have one, however it is spelled', () => {
    const texts = ['{"a":"secret:one"}', '{"a":"\\u0073ecret:one"}', '{"a":"plain"}', null];
    expect(texts.map(mayRefer)).toEqual([true, true, false, false]);
  });
});

describe('what a handler gets', () => {
  it('has values in the place of references: texts, objects, members; each a copy of its own', () => {
    const task_data = { account: 'secret:shop/42', token: 'secret:token', p: ['secret:shop/42#list.0'], n: 1 };
    const filled = secrets.fill(task_data) as Record<string, unknown>;
    expect(filled).toEqual({ account: ACCOUNT, token: 'canary-three', p: ['canary-two'], n: 1 });
    (filled.account as { user: string }).user = 'changed by the handler';
    expect(secrets.fill(task_data)).toMatchObject({ account: ACCOUNT });
    expect(task_data.account).toBe('secret:shop/42');
  });

  it('refuses a member that does not exist, also one of a prototype', () => {
    for (const path of ['nothing', 'toString', 'user.length', '__proto__'])
      expect(() => secrets.fill({ a: `secret:shop/42#${path}` }), path).toThrow('has no member');
  });

  it('leaves in a checkpoint what is no secret of the attempt: it may have been crawled', () => {
    expect(secrets.fillKnown({ a: 'secret:token', b: 'secret:other', c: 'secret:token#x' })).toEqual({
      ...{ a: 'canary-three', b: 'secret:other', c: 'secret:token#x' },
    });
  });

  it('is text in an environment', () => {
    expect(secrets.textOf({ name: 'token', path: [] })).toBe('canary-three');
    expect(secrets.textOf({ name: 'shop/42', path: [] })).toBe(JSON.stringify(ACCOUNT));
    expect(secrets.textOf({ name: 'shop/42', path: ['pin'] })).toBe('47110815');
  });
});

describe('what a handler says', () => {
  it('has references again in the place of values, whole or members, and *** inside of texts', () => {
    const said = {
      whole: { ...ACCOUNT },
      member: ['canary-one', 'x'],
      text: 'with canary-three',
      number: 47110815,
      n: 12,
    };
    expect(secrets.masked({ ...said, 'key canary-two': 'abc' })).toEqual({
      ...{ whole: 'secret:shop/42', member: ['secret:shop/42#password', 'x'], text: 'with ***', number: '***', n: 12 },
      'key ***': 'abc',
    });
  });

  it('is refused where it is used again and a reference cannot take the place', () => {
    expect(secrets.referring({ account: ACCOUNT, t: ['canary-three'] })).toEqual({
      ...{ account: 'secret:shop/42', t: ['secret:token'] },
    });
    expect(() => secrets.referring({ url: 'https://x/?t=canary-three' })).toThrow(SecretInside);
  });

  it('adds tasks with references in their payload; one with a value in another field fails for good', () => {
    const done = (task: object) =>
      concealedOutcome({ kind: 'done', result: null, enqueue: [{ task_type: 'next', ...task }] }, secrets);
    expect(done({ task_data: { account: ACCOUNT, page: 2 }, username: 'canary-three' })).toMatchObject({
      enqueue: [{ task_type: 'next', task_data: { account: 'secret:shop/42', page: 2 }, username: 'secret:token' }],
    });
    for (const task of [{ dedupe_key: 'k canary-three' }, { task_data: { cookie: 'a=canary-one' } }]) {
      const refused = done(task);
      expect(refused).toMatchObject({ kind: 'permanent', error_class: 'secret_in_task' });
      expect(JSON.stringify(refused)).not.toContain('canary');
    }
  });
});

describe('the texts of a secret', () => {
  it('are its texts and numbers, its lines, and their base64', () => {
    const mask = new SecretMask(textsOf({ key: '-----BEGIN\nline one of it\nline two of it\n', n: 1234567 }));
    expect(mask.apply('it is line two of it, and 1234567')).toBe('it is ***, and ***');
    const plain = new SecretMask(textsOf('canary-three'));
    for (const spelled of ['base64', 'base64url', 'latin1'] as const)
      expect(plain.apply(`x ${Buffer.from('canary-three').toString(spelled)}`)).toBe('x ***');
    const long = randomBytes(7000).toString('base64');
    expect(new SecretMask(textsOf(long)).apply(`a ${long} b`)).toMatch(/^a [*]+ b$/);
  });

  it('are not those that are too short, which are named, and hidden also where a text was cut inside of one', () => {
    expect([shortLeaves(ACCOUNT), shortLeaves('abc')]).toEqual([['short'], ['']]);
    expect(new SecretMask(['canary-three']).applyCut('a canary-th… (9 more) canary-three')).toBe('a ***… (9 more) ***');
  });
});

describe('known secrets', () => {
  it('stand in no message, field, key or number, and the oldest of very many are forgotten', () => {
    const known = new KnownSecrets();
    const line = { a: 'has canary-one', 'k canary-one': [1234567, 12], e: new Error('of canary-one') };
    expect(known.mask).toBeUndefined();
    known.add(['canary-one']);
    known.add(['canary-one', '1234567']);
    const shown = (value: unknown) => redact(value, { mask: known.mask });
    expect(shown(line)).toEqual({ a: 'has ***', 'k ***': ['***', 12], e: 'of ***' });
    known.add(Array.from({ length: 5000 }, (_, n) => `another-${n}-`));
    expect(shown('canary-one another-4999-')).toBe('canary-one ***');
  });
});
