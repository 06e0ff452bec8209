// Users over HTTP: what administrators do with them, what people do with their own password and sessions, and who always remains.
import { afterEach, describe, expect } from 'vitest';
import { makeKey } from '../../../src/core/access/manage-keys.ts';
import { addUser, changeUser, disable, removeUser } from '../../../src/core/access/manage-users.ts';
import { PasswordHasher } from '../../../src/core/access/password-hash.ts';
import { newSessionId } from '../../../src/core/access/session-check.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Role, UserRole } from '../../../src/core/domain/access/role.ts';
import {
  ownPasswordAnswer,
  ownSessionsAnswer,
  userAnswer,
  usersAnswer,
} from '../../../src/http/access/user-contract.ts';
import { AfdHttpClient } from '../../../src/http/client/client.ts';
import { actor } from '../../helpers/actor.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

const PASSWORD = 'correct horse battery';
const NEXT = 'staple battery horse';
const OWN = { 'sec-fetch-site': 'same-origin' };
/** Takes no time. */
const CHEAP = { ln: 4, r: 8, p: 1 };
let given: Given;
let context: ReturnType<typeof testContext>;
let gateway: TestGateway;

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(given.db);
  onTestFinished(() => context.close());
  gateway = await startGateway(given.db, { server: { auth: 'keys' }, limits: { requestsPerAddress: 100_000 } });
});
afterEach(stopGateways);

/** With a hash that takes no time. */
const user = async (name: string, role: UserRole) => {
  const hash = await new PasswordHasher(CHEAP).hash(PASSWORD);
  await given.session.write(
    `INSERT INTO ${given.db.names.user} (name, password_hash, role, created_at, created_by, password_changed_at)
     VALUES (?, ?, ?, UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3))`,
    [name, hash, role],
  );
};
const keyOf = async (role: Role) => {
  const { text } = await makeKey(context, { name: role, role, device_id: null, lifetimeS: 3600 }, actor());
  return { authorization: `Bearer ${text}` };
};
type Headers = Record<string, string>;
const send = (by: Headers, method: string, path: string, body?: unknown) =>
  gateway.call(`/api/v1${path}`, body, { method, headers: by });
const signIn = (name: string, password = PASSWORD) => gateway.call('/api/v1/session', { user: name, password });
/** A session without a log-in, whose hash takes its time. */
const signedIn = async (name: string) => {
  const { text, hash } = newSessionId();
  const { names } = given.db;
  await given.session.write(
    `INSERT INTO ${names.session} (id_hash, user_id, generation, source, created_at, last_seen_at, expires_at)
     SELECT ?, id, generation, '127.0.0.1', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 HOUR
     FROM ${names.user} WHERE name = ?`,
    [hash, name],
  );
  return { cookie: `afd_session=${text}`, ...OWN };
};
const cookieOf = ({ headers }: { headers: globalThis.Headers }) => (headers.get('set-cookie') ?? '').split(';')[0]!;
const actions = async () =>
  (await given.session.rows(`SELECT actor, action, object_id FROM ${given.db.names.auditLog} ORDER BY id`)).map(
    (row) => `${row.actor} ${row.action} ${row.object_id}`,
  );

describe('an administrator', () => {
  it('adds, lists, changes and removes users, each with a row of the audit log', async () => {
    await user('root', 'admin');
    const by = await signedIn('root');
    const added = await send(by, 'POST', '/users', { name: 'alice', role: 'viewer', password: PASSWORD });
    expect(added.status).toBe(201);
    expectDescribed(userAnswer, added.json);
    expect(added.json).toMatchObject({ by: 'user root', user: { name: 'alice', role: 'viewer', disabled_at: null } });
    expect(await send(by, 'POST', '/users', { name: 'carol', role: 'viewer', password: null })).toMatchObject({
      status: 201,
      json: { user: { password_changed_at: null } },
    });
    const listed = await send(by, 'GET', '/users');
    expectDescribed(usersAnswer, listed.json);
    expect(listed.json.users.map((one: { name: string }) => one.name)).toEqual(['alice', 'carol', 'root']);
    expect(JSON.stringify(listed.json)).not.toMatch(/scrypt|hash/);
    const changed = await send(by, 'PATCH', '/users/alice', { role: 'operator', disabled: true });
    expectDescribed(userAnswer, changed.json);
    expect(changed.json.user).toMatchObject({ role: 'operator', disabled_by: 'user root' });
    expect((await send(by, 'PATCH', '/users/alice', { disabled: false })).json.user.disabled_at).toBeNull();
    expect((await send(by, 'PATCH', '/users/alice', { disabled: false })).status).toBe(200);
    expect((await send(by, 'POST', '/users/alice/password', { password: NEXT })).status).toBe(200);
    expect((await signIn('alice', NEXT)).status).toBe(200);
    expect((await send(by, 'DELETE', '/users/alice')).json.user).toMatchObject({ name: 'alice', role: 'operator' });
    expect((await send(by, 'GET', '/users')).json.users).toHaveLength(2);
    expect((await actions()).filter((one) => !one.includes('sessions.'))).toEqual([
      ...['user:root users.add alice', 'user:root users.add carol', 'user:root users.role alice'],
      ...['user:root users.disable alice', 'user:root users.enable alice', 'user:root users.password alice'],
      'user:root users.remove alice',
    ]);
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
  });

  it('is told what cannot be, and changes nothing', async () => {
    const by = await keyOf('admin');
    await user('alice', 'viewer');
    const cases: Array<[string, string, unknown, number, string]> = [
      ['POST', '/users', { name: 'Alice', role: 'viewer', password: PASSWORD }, 409, 'E_CONFLICT'],
      ['POST', '/users', { name: 'bob', role: 'viewer', password: 'short' }, 400, 'E_USAGE'],
      ['POST', '/users', { name: 'bob', role: 'device', password: PASSWORD }, 400, 'E_USAGE'],
      ['POST', '/users', { name: 'a b', role: 'viewer', password: PASSWORD }, 400, 'E_USAGE'],
      ['POST', '/users', { name: 'bob', role: 'viewer' }, 400, 'E_USAGE'],
      ['PATCH', '/users/bob', { role: 'viewer' }, 404, 'E_NOT_FOUND'],
      ['PATCH', '/users/alice', {}, 400, 'E_USAGE'],
      ['PATCH', '/users/alice', { generation: 1 }, 400, 'E_USAGE'],
      ['POST', '/users/bob/password', { password: PASSWORD }, 404, 'E_NOT_FOUND'],
      ['POST', '/users/alice/password', { password: 'alice' }, 400, 'E_USAGE'],
      ['DELETE', '/users/bob', undefined, 404, 'E_NOT_FOUND'],
    ];
    for (const [method, path, body, status, code] of cases) {
      const answer = await send(by, method, path, body);
      expect([method, path, body, answer.status, answer.json.code]).toEqual([method, path, body, status, code]);
    }
    expect((await actions()).filter((one) => one.includes(' users.'))).toEqual([]);
  });

  it('changes their own password with the old one alone', async () => {
    await user('root', 'admin');
    const by = await signedIn('root');
    expect(await send(by, 'POST', '/users/Root/password', { password: NEXT })).toMatchObject({
      status: 409,
      json: { code: 'E_CONFLICT', detail: expect.stringContaining('/api/v1/session/password') },
    });
    expect(await actions()).toEqual([]);
  });

  it('ends a lock-out', async () => {
    const by = await keyOf('admin');
    await user('alice', 'viewer');
    for (let n = 0; n < 5; n += 1) expect((await signIn('alice', 'not the password')).status).toBe(401);
    const { names } = given.db;
    const failures = async () => (await given.session.rows(`SELECT id FROM ${names.loginFailure}`)).length;
    expect(await failures()).toBe(5);
    expect((await send(by, 'PATCH', '/users/alice', { unlock: true })).status).toBe(200);
    expect(await failures()).toBe(0);
    expect((await signIn('alice')).status).toBe(200);
    expect((await actions()).filter((one) => one.includes(' users.'))).toEqual([
      expect.stringMatching(/^key:\w{8} users.unlock alice$/),
    ]);
  });

  it('uses the client', async () => {
    const client = new AfdHttpClient({ baseUrl: gateway.url, headers: await keyOf('admin') });
    await client.addUser({ body: { name: 'bob', role: 'viewer', password: null } });
    const { user: bob } = await client.changeUser({ name: 'bob', body: { role: 'submitter' } });
    expect(bob.role).toBe('submitter');
    expect((await client.listUsers()).users).toEqual([bob]);
    await client.removeUser({ name: 'bob' });
    await expect(client.removeUser({ name: 'bob' })).rejects.toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
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
    for (const who of [by, await keyOf('admin')]) {
      for (const [method, body] of [
        ['PATCH', { role: 'operator' }],
        ['PATCH', { disabled: true }],
        ['DELETE', undefined],
      ] as const)
        expect(await send(who, method, '/users/ROOT', body)).toMatchObject({
          status: 409,
          json: { code: 'E_CONFLICT', detail: expect.stringContaining('root is the only administrator') },
        });
    }
    expect((await send(by, 'PATCH', '/users/root', { role: 'admin' })).status).toBe(200);
    expect((await send(by, 'DELETE', '/users/old')).status).toBe(200);
    await user('second', 'admin');
    expect((await send(by, 'PATCH', '/users/root', { role: 'viewer' })).status).toBe(200);
    await removeUser(context, 'second', actor());
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
    const change = (body: object) => send(first, 'POST', '/session/password', body);
    expect(await change({ password: 'not the password', new_password: NEXT })).toMatchObject({
      status: 401,
      json: { code: 'E_LOGIN' },
    });
    expect(await change({ password: PASSWORD, new_password: 'alice' })).toMatchObject({ status: 400 });
    const changed = await change({ password: PASSWORD, new_password: NEXT });
    expect(changed.status).toBe(200);
    expectDescribed(ownPasswordAnswer, changed.json);
    const by = { cookie: cookieOf(changed), ...OWN };
    expect((await send(by, 'GET', '/session')).json.session).toMatchObject({ user: 'alice' });
    expect(await send(first, 'GET', '/session')).toMatchObject({ status: 401 });
    const { names } = given.db;
    const [row] = await given.session.rows(`SELECT generation FROM ${names.user} WHERE name = 'alice'`);
    expect(row!.generation).toBe(2);
    const rest = await send(by, 'GET', '/sessions');
    expect(rest.json.sessions).toHaveLength(1);
    expect((await actions()).filter((one) => one.includes('users.'))).toEqual(['user:alice users.password alice']);
    expect(await given.session.rows(`SELECT id FROM ${names.loginFailure}`)).toEqual([]);
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

  it('lists and ends their own sessions, and nobody else’s', async () => {
    await user('alice', 'viewer');
    await user('bob', 'viewer');
    const [one, two, bob] = [await signedIn('alice'), await signedIn('alice'), await signedIn('bob')];
    const listed = await send(one, 'GET', '/sessions');
    expectDescribed(ownSessionsAnswer, listed.json);
    const { sessions } = listed.json;
    expect(sessions.map((row: { current: boolean }) => row.current).sort()).toEqual([false, true]);
    expect(sessions[0]).toMatchObject({ source: expect.stringContaining('127.0.0.1') });
    const other = sessions.find((row: { current: boolean }) => !row.current).session_id;
    const [his] = (await send(bob, 'GET', '/sessions')).json.sessions;
    for (const id of [his.session_id, '0123456789abcdef'])
      expect(await send(one, 'DELETE', `/sessions/${id}`)).toMatchObject({ status: 404 });
    expect((await send(one, 'DELETE', `/sessions/${other}`)).status).toBe(204);
    expect((await send(two, 'GET', '/session')).status).toBe(401);
    expect((await send(bob, 'GET', '/session')).status).toBe(200);
    expect((await send(one, 'GET', '/sessions')).json.sessions).toHaveLength(1);
    expect((await actions()).at(-1)).toBe('user:alice sessions.end alice');
  });

  it('is not an API key, and changes nothing from another site', async () => {
    const key = await keyOf('viewer');
    const body = { password: PASSWORD, new_password: NEXT };
    for (const [method, path, given] of [
      ['GET', '/sessions', undefined],
      ['DELETE', '/sessions/0123456789abcdef', undefined],
      ['POST', '/session/password', body],
    ] as const)
      expect(await send(key, method, path, given)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    await user('alice', 'admin');
    const by = await signedIn('alice');
    const foreign = { ...by, 'sec-fetch-site': 'cross-site' };
    for (const [method, path, given] of [
      ['POST', '/session/password', body],
      ['PATCH', '/users/alice', { unlock: true }],
      ['POST', '/users', { name: 'bob', role: 'admin', password: PASSWORD }],
    ] as const)
      expect(await send(foreign, method, path, given)).toMatchObject({ status: 403, json: { code: 'E_CROSS_SITE' } });
  });
});
