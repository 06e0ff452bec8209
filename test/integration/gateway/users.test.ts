// Users over HTTP: what administrators do with them, what people do with their own password and sessions, and who always remains.
import { describe, expect } from 'vitest';
import { addUser, changeUser, disable } from '../../../src/core/access/manage-users.ts';
import { ownPasswordAnswer, ownSessionsAnswer } from '../../../src/http/access/user-contract.ts';
import { type Access, eachWithAccess, type Headers, OWN, PASSWORD } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

const NEXT = 'staple battery horse';
let { given, context, start, user, keyOf, signedIn, audited } = {} as Access;
let gateway: TestGateway;
eachWithAccess((opened) => ({ given, context, start, user, keyOf, signedIn, audited } = opened));
it.beforeEach(async () => {
  gateway = await start();
});

const send = (by: Headers, method: string, path: string, body?: unknown) =>
  gateway.call(`/api/v1${path}`, body, { method, headers: by });
const signIn = (name: string, password = PASSWORD) => gateway.call('/api/v1/session', { user: name, password });
const audit = async () => (await audited()).filter((one) => one.includes(' users.'));

describe('an administrator', () => {
  it('adds, lists, changes, unlocks and removes users, each with a row of the audit log', async () => {
    await user('root', 'admin');
    const by = await signedIn('root');
    const added = await send(by, 'POST', '/users', { name: 'alice', role: 'viewer', password: PASSWORD });
    expect(added).toMatchObject({ status: 201, json: { by: 'user root', user: { name: 'alice', disabled_at: null } } });
    const carol = await send(by, 'POST', '/users', { name: 'carol', role: 'viewer', password: null });
    expect(carol.json.user).toMatchObject({ password_changed_at: null });
    expect((await send(by, 'GET', '/users')).json.users).toMatchObject(
      ['alice', 'carol', 'root'].map((name) => ({ name })),
    );
    const change = async (body: object) => (await send(by, 'PATCH', '/users/alice', body)).json.user;
    expect(await change({ role: 'operator', disabled: true })).toMatchObject({
      role: 'operator',
      disabled_by: 'user root',
    });
    for (let n = 0; n < 2; n += 1) expect((await change({ disabled: false })).disabled_at).toBeNull();
    await send(by, 'POST', '/users/alice/password', { password: NEXT });
    for (let n = 0; n < 5; n += 1) expect((await signIn('alice')).status).toBe(401);
    await change({ unlock: true });
    expect((await signIn('alice', NEXT)).status).toBe(200);
    expect((await send(by, 'DELETE', '/users/alice')).json.user).toMatchObject({ name: 'alice', role: 'operator' });
    expect(await audit()).toEqual([
      ...['user:root users.add alice', 'user:root users.add carol', 'user:root users.role alice'],
      ...['user:root users.disable alice', 'user:root users.enable alice', 'user:root users.password alice'],
      ...['user:root users.unlock alice', 'user:root users.remove alice'],
    ]);
  });

  it('is told what cannot be, and changes nothing', async () => {
    const by = (await keyOf('admin')).headers;
    await user('alice', 'viewer');
    await user('root', 'admin');
    const bob = { name: 'bob', role: 'viewer', password: PASSWORD };
    for (const [method, path, body, code] of [
      ['POST', '/users', { ...bob, name: 'Alice' }, 'E_CONFLICT'],
      ['POST', '/users', { ...bob, password: 'short' }, 'E_USAGE'],
      ['POST', '/users', { ...bob, role: 'device' }, 'E_USAGE'],
      ['POST', '/users', { ...bob, password: undefined }, 'E_USAGE'],
      ['PATCH', '/users/bob', { role: 'viewer' }, 'E_NOT_FOUND'],
      ['PATCH', '/users/alice', {}, 'E_USAGE'],
      ['PATCH', '/users/alice', { generation: 1 }, 'E_USAGE'],
      ['POST', '/users/bob/password', { password: PASSWORD }, 'E_NOT_FOUND'],
      ['DELETE', '/users/bob', undefined, 'E_NOT_FOUND'],
    ] as const)
      expect([method, path, body, (await send(by, method, path, body)).json.code]).toEqual([method, path, body, code]);
    const own = await send(await signedIn('root'), 'POST', '/users/Root/password', { password: NEXT });
    expect(own.json).toMatchObject({ code: 'E_CONFLICT', detail: expect.stringContaining('/api/v1/session/password') });
    expect(await audit()).toEqual([]);
  });
});

describe('the only administrator who may sign in', () => {
  it('stays one over HTTP for a session and for a key; a command may remove it', async () => {
    await user('root', 'admin');
    await user('old', 'admin');
    await disable(context, 'old', actor());
    // Without a provider they cannot sign in.
    await addUser(context, { name: 'carol', role: 'admin', password: null }, actor());
    const by = await signedIn('root');
    const refused = { code: 'E_CONFLICT', detail: expect.stringContaining('root is the only administrator') };
    for (const who of [by, (await keyOf('admin')).headers]) {
      for (const change of [{ role: 'operator' }, { disabled: true }])
        expect((await send(who, 'PATCH', '/users/ROOT', change)).json).toMatchObject(refused);
      expect((await send(who, 'DELETE', '/users/ROOT')).json).toMatchObject(refused);
    }
    expect((await send(by, 'DELETE', '/users/old')).status).toBe(200);
    await user('second', 'admin');
    expect((await send(by, 'PATCH', '/users/root', { role: 'viewer' })).status).toBe(200);
    await changeUser(context, 'second', { role: 'viewer' }, actor());
  });

  it('is one of two who take that right from each other at the same moment', async () => {
    const { db, session } = given;
    await Promise.all([user('first', 'admin'), user('second', 'admin')]);
    await session.write('START TRANSACTION');
    await session.write(`UPDATE ${db.names.user} SET role = 'viewer' WHERE name = 'second'`);
    let over = false;
    const changing = changeUser(context, 'first', { role: 'viewer' }, actor(), { keepAdmin: true });
    const ended = changing.then(String, (error: { code?: string }) => error.code).finally(() => (over = true));
    await statementRuns(await db.session(), `%FROM ${db.names.user} %FOR UPDATE`, () => over);
    await session.write('COMMIT');
    expect(await ended).toBe('E_CONFLICT');
  });
});

describe('a person', () => {
  it('changes their own password with the old one, and goes on in a new session alone', async () => {
    await user('alice', 'viewer');
    const [first] = [await signedIn('alice'), await signedIn('alice')];
    const change = (by: Headers, password: string, new_password = NEXT) =>
      send(by, 'POST', '/session/password', { password, new_password });
    expect((await change(first, 'not the password')).json).toMatchObject({ status: 401, code: 'E_LOGIN' });
    expect((await change(first, PASSWORD, 'alice')).status).toBe(400);
    const changed = await change(first, PASSWORD);
    expectDescribed(ownPasswordAnswer, changed.json);
    const by = { cookie: changed.headers.get('set-cookie')!.split(';')[0]!, ...OWN };
    expect((await send(by, 'GET', '/sessions')).json.sessions, 'it goes on in a new one alone').toHaveLength(1);
    expect((await send(first, 'GET', '/session')).status).toBe(401);
    expect(await audit()).toEqual(['user:alice users.password alice']);
  });

  it('is locked out of it as of a log-in, by guessing the old password', async () => {
    await user('alice', 'viewer');
    const by = await signedIn('alice');
    const guess = () => send(by, 'POST', '/session/password', { password: 'not the password', new_password: NEXT });
    for (let n = 0; n < 5; n += 1) expect((await guess()).status).toBe(401);
    const locked = await guess();
    expect(locked).toMatchObject({ status: 429, json: { code: 'E_LOCKED' } });
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('lists and ends their own sessions, and nobody else’s; an API key has none', async () => {
    await user('alice', 'viewer');
    await user('bob', 'viewer');
    const [one, two, bob] = [await signedIn('alice'), await signedIn('alice'), await signedIn('bob')];
    const sessionsOf = async (by: Headers): Promise<Array<{ current: boolean; session_id: string }>> => {
      const { json } = await send(by, 'GET', '/sessions');
      expectDescribed(ownSessionsAnswer, json);
      return json.sessions;
    };
    const own = await sessionsOf(one);
    expect(own.map((row) => row.current).sort()).toEqual([false, true]);
    const end = async (id: string) => (await send(one, 'DELETE', `/sessions/${id}`)).status;
    expect(await end((await sessionsOf(bob))[0]!.session_id)).toBe(404);
    expect(await end(own.find((row) => !row.current)!.session_id)).toBe(204);
    expect((await send(two, 'GET', '/session')).status).toBe(401);
    expect(await sessionsOf(one)).toHaveLength(1);
    expect((await audited()).at(-1)).toBe('user:alice sessions.end alice');
    const key = (await keyOf('viewer')).headers;
    for (const [method, path, body] of [
      ['GET', '/sessions', undefined],
      ['DELETE', '/sessions/0123456789abcdef', undefined],
      ['POST', '/session/password', { password: PASSWORD, new_password: NEXT }],
    ] as const)
      expect(await send(key, method, path, body)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });
});
