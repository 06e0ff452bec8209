import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { Context } from '../../../src/core/context/context.ts';
import { readSecret } from '../../../src/core/db/secrets/read-secret.ts';
import { resealSecret } from '../../../src/core/db/secrets/reseal-secret.ts';
import { findSecrets, openSecret } from '../../../src/core/secrets/find-secrets.ts';
import { newKey } from '../../../src/core/secrets/fleet-key.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { allSecrets, grantSecret, removeSecret, setSecret } from '../../../src/core/secrets/manage-secrets.ts';
import { rotateSecrets } from '../../../src/core/secrets/rotate-secrets.ts';
import { actor } from '../../helpers/actor.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { keyFile, storeSecrets } from '../../helpers/secrets.ts';

let db: TestDatabase;
let context: Context;
let file: string;
let first: string;

it.beforeEach(async ({ given }) => {
  ({ db } = given);
  const { secrets, key_id } = keyFile();
  [file, first] = [secrets.key_file, key_id];
  context = testContext(db, { secrets });
});
it.afterEach(() => context.close());

const use = { task_type: 'sync', device_id: 'w1' };
const find = async (wanted: string[], by: Partial<typeof use> = {}) =>
  findSecrets(await context.session(), db.names, Keyring.of(context.resolved), { wanted, use: { ...use, ...by } });
const grant = (name: string, task_types: string[], device_ids: string[] = [], revoke = false) =>
  grantSecret(context, { name, task_types, device_ids, revoke, by: actor('anna@host') });
const row = async (name: string) => readSecret(await context.session(), db.names, name);
/** In front of the others. */
const addKey = () => {
  const { id, line } = newKey();
  writeFileSync(file, `${line}\n${readFileSync(file, 'utf8')}`);
  return id;
};
const problem = (one: object | undefined) => (one as { problem?: string }).problem;

describe('a secret', () => {
  it('has versions; ls shows them with key, time and author, and no value', async () => {
    await storeSecrets(context, { a: 'canary-of-a', b: { password: 'canary-of-b' } });
    const stored = await setSecret(context, { name: 'a', value: async () => 'canary-of-a-2', by: actor('anna@host') });
    expect(stored).toEqual({ name: 'a', version: 2, key_id: first, unmasked: [] });
    const listed = await allSecrets(context);
    expect(listed).toMatchObject([
      { name: 'a', version: 2, key_id: first, changed_by: 'anna@host', grants: [] },
      { name: 'b', version: 1, key_id: first, changed_by: 'test', grants: [] },
    ]);
    expect(listed[0]!.changed_at).toMatch(/^\d{4}-.*Z$/);
    expect(JSON.stringify(listed)).not.toContain('canary');
    const opened = await openSecret((await row('a'))!, Keyring.of(context.resolved));
    expect(opened).toEqual({ name: 'a', value: 'canary-of-a-2' });
  });

  it('keeps the value of each of some that are written at once, as versions one after the other', async () => {
    const others = await Promise.all(
      [1, 2, 3, 4, 5].map(async (n) => {
        const own = testContext(db, { secrets: { key_file: file } });
        const stored = await setSecret(own, { name: 'a', value: async () => `canary-${n}`, by: actor() });
        await own.close();
        return stored.version;
      }),
    );
    expect(others.sort()).toEqual([1, 2, 3, 4, 5]);
    const value = expect.stringMatching(/^canary-\d$/);
    expect(await openSecret((await row('a'))!, Keyring.of(context.resolved))).toMatchObject({ value });
  });

  it('is refused when it is too short to be masked, too large, or has an impossible name', async () => {
    const set = (name: string, value: unknown) => setSecret(context, { name, value: async () => value, by: actor() });
    for (const value of ['', 'short', 12345, 'x'.repeat(70_000)])
      await expect(set('a', value)).rejects.toMatchObject({ code: 'E_USAGE' });
    for (const name of ['', '/a', 'a b', 'ä', 'a'.repeat(129), 'a#b'])
      await expect(set(name, 'canary')).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(await set('a', { pin: 'abc', password: 'canary' })).toMatchObject({ unmasked: ['pin'] });
  });
});

describe('grants', () => {
  const answer = async (by: Partial<typeof use> = {}) => {
    const [one] = await find(['a'], by);
    return problem(one) ?? (one as { value: unknown }).value;
  };

  it('are needed: by type, by device, or by the word for all', async () => {
    await storeSecrets(context, { a: 'canary-of-a' });
    expect(await answer()).toBe('secret_not_granted');
    await grant('a', ['sync'], ['w2']);
    expect([await answer(), await answer({ device_id: 'w2' })]).toEqual(['secret_not_granted', 'canary-of-a']);
    await grant('a', ['sync', 'other']);
    expect(await answer()).toBe('canary-of-a');
    for (const task_type of ['Sync', 'syn', 'sync2', '%', 'sync_'])
      expect(await answer({ task_type }), task_type).toBe('secret_not_granted');
    await grant('a', ['*']);
    expect(await answer({ task_type: 'anything' })).toBe('canary-of-a');
    expect((await allSecrets(context))[0]!.grants).toHaveLength(4);
  });

  it('are taken back one by one, and go with their secret', async () => {
    const gone = { code: 'E_NOT_FOUND' };
    await storeSecrets(context, { a: 'canary-of-a' }, ['sync']);
    await expect(grant('a', ['other'], [], true)).rejects.toMatchObject(gone);
    await grant('a', ['sync'], [], true);
    expect(await answer()).toBe('secret_not_granted');
    await grant('a', ['sync']);
    await removeSecret(context, 'a', actor());
    expect(await answer()).toBe('secret_missing');
    await expect(removeSecret(context, 'a', actor())).rejects.toMatchObject(gone);
    await expect(grant('a', ['sync'])).rejects.toMatchObject(gone);
    await storeSecrets(context, { a: 'canary-again' });
    expect(await answer()).toBe('secret_not_granted');
  });
});

describe('RB8 a row', () => {
  it('does not open when it was copied over another one', async () => {
    await storeSecrets(context, { mine: 'canary-of-mine', theirs: 'canary-of-theirs' }, ['sync']);
    const session = await context.session();
    const { secret } = db.names;
    await session.write(
      `UPDATE ${secret} a JOIN ${secret} b ON b.name = 'theirs' SET a.wrapped_key = b.wrapped_key, a.sealed = b.sealed WHERE a.name = 'mine'`,
    );
    const [found] = await find(['mine']);
    expect(problem(found)).toBe('secret_unreadable');
    expect(JSON.stringify(found)).not.toContain('canary');
  });

  it('does not open without its key, and says which one is missing', async () => {
    await storeSecrets(context, { a: 'canary-of-a' }, ['sync']);
    writeFileSync(file, `${newKey().line}\n`);
    const [found] = await find(['a']);
    expect(found).toMatchObject({ problem: 'secret_key', message: expect.stringContaining(first) });
    const none = testContext(db);
    expect(await openSecret((await row('a'))!, Keyring.of(none.resolved))).toMatchObject({ problem: 'secret_key' });
    await none.close();
  });
});

describe('a rotation', () => {
  it('encrypts all with the newest key, keeps values and versions, and is done when it runs again', async () => {
    const values = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`s${n}`, `canary-${n}`]));
    await storeSecrets(context, values, ['sync']);
    const before = await row('s7');
    const second = addKey();
    const rotated = { key_id: second, rotated: 60, webhooks: 0, unused_key_ids: [first] };
    expect(await rotateSecrets(context, actor())).toEqual(rotated);
    expect(await rotateSecrets(context, actor())).toEqual({ ...rotated, rotated: 0, unused_key_ids: [] });
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\n')[0]}\n`);
    const names = Object.keys(values);
    expect(await find(names)).toEqual(names.map((name) => ({ name, value: values[name] })));
    const after = await row('s7');
    expect(after).toMatchObject({ version: before!.version, key_id: second });
    expect(after!.sealed.equals(before!.sealed)).toBe(false);
  });

  it('goes on behind what does not open, and names it at the end', async () => {
    await storeSecrets(context, { a: 'canary-of-a', b: 'canary-of-b', c: 'canary-of-c' }, ['sync']);
    await (await context.session()).write(`UPDATE ${db.names.secret} SET version = 9 WHERE name = 'b'`);
    addKey();
    await expect(rotateSecrets(context, actor())).rejects.toMatchObject({
      ...{ code: 'E_PARTIAL', data: { names: ['b'], rotated: 2, webhooks: 0 } },
    });
  });

  it('never writes over a value that was set meanwhile', async () => {
    await storeSecrets(context, { a: 'canary-old' }, ['sync']);
    const session = await context.session();
    const read = (await row('a'))!;
    await setSecret(context, { name: 'a', value: async () => 'canary-new', by: actor() });
    expect(await resealSecret(session, db.names, { ...read, key_id: 'f'.repeat(16) }, read.key_id)).toBe(false);
    expect(await find(['a'])).toEqual([{ name: 'a', value: 'canary-new' }]);
    const now = (await row('a'))!;
    expect(await resealSecret(session, db.names, now, 'f'.repeat(16))).toBe(false);
    expect(await resealSecret(session, db.names, now, now.key_id)).toBe(true);
  });
});
