// Sign-in for people: sessions, what ends them, and who is locked out.
import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import { LogIn } from '../../../src/core/access/log-in.ts';
import { endKey } from '../../../src/core/access/manage-keys.ts';
import { changePassword, changeRole, disable, enable, removeUser } from '../../../src/core/access/manage-users.ts';
import { PasswordHasher } from '../../../src/core/access/password-hash.ts';
import { SessionCheck } from '../../../src/core/access/session-check.ts';
import { sessionAnswer } from '../../../src/http/access/session-contract.ts';
import { type Access, bearer, CHEAP, eachWithAccess, type Headers, OWN, PASSWORD } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

let { given, context, start, user, keyOf, audited } = {} as Access;
eachWithAccess((opened) => ({ given, context, start, user, keyOf, audited } = opened));
it.beforeEach(() => user('alice', 'operator'));

const alice = { user: 'Alice', password: PASSWORD };
const post = (gateway: TestGateway, path: string, body: unknown, headers: Headers = {}) =>
  gateway.call(`/api/v1${path}`, body, { headers });
const signIn = async (gateway: TestGateway, body: object = alice, headers: Headers = {}) => {
  const answer = await post(gateway, '/session', body, headers);
  const set = answer.headers.get('set-cookie') ?? '';
  return { ...answer, set, cookie: set.split(';')[0]! };
};
const signOut = (gateway: TestGateway, headers: Headers) =>
  gateway.call('/api/v1/session', undefined, { method: 'DELETE', headers });
const whoAmI = (gateway: TestGateway, headers: Headers) => gateway.call('/api/v1/session', undefined, { headers });

/** With the session of the test. */
const use: ConstructorParameters<typeof LogIn>[0] = (work) =>
  work({ ...context, session: async () => given.session, now: async () => new Date().toISOString() });
/** Without what a process remembers. */
const check = (cookie: string) => new SessionCheck(use).check(cookie.slice(cookie.indexOf('=') + 1));
/** By its password. */
const logIn = (name: string, password: string, address = '192.0.2.1', hasher = new PasswordHasher(CHEAP)) =>
  new LogIn(use, hasher, () => {}).withPassword(name, password, { address, network: address, request_id: 'of-a-test' });
const refusedWith = (code: string, tried: Promise<unknown>) => expect(tried).rejects.toMatchObject({ code });
const rowsOf = (table: string) => given.session.rows(`SELECT * FROM ${table}`);

describe('a session', () => {
  it('begins with a user and password, is who acts, and ends with the next log-in or sign-out', async () => {
    const gateway = await start();
    const { json, set, cookie: first } = await signIn(gateway);
    expectDescribed(sessionAnswer, json);
    expect(json.session).toMatchObject({ user: 'alice', key_id: null, role: 'operator', idle_timeout: 1800 });
    expect(Date.parse(json.session.expires_at) - Date.parse(json.session.created_at)).toBe(12 * 3_600_000);
    expect(set).toMatch(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    const { cookie } = await signIn(gateway, alice, { cookie: first, ...OWN });
    expect((await whoAmI(gateway, { cookie: first })).status).toBe(401);
    expect((await whoAmI(gateway, { cookie })).json.session).toMatchObject({ user: 'alice' });
    const id = await given.rows.task({});
    const cancelled = await post(gateway, `/tasks/${id}/cancel`, {}, { cookie, ...OWN });
    expect(cancelled).toMatchObject({ status: 200, json: { by: 'user alice' } });
    expect(await post(gateway, '/keys', { name: 'x', role: 'admin' }, { cookie, ...OWN })).toMatchObject({
      status: 403,
      json: { code: 'E_ROLE', detail: expect.stringContaining('The user alice has the role operator') },
    });
    const out = await signOut(gateway, { cookie, ...OWN });
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toBe('afd_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict');
    expect(await whoAmI(gateway, { cookie })).toMatchObject({ status: 401, json: { code: 'E_KEY' } });
    const acts = await audited();
    expect([acts[0], ...acts.slice(-2)]).toEqual([
      'user:alice sessions.begin alice',
      `user:alice tasks.cancel ${id}`,
      'user:alice sessions.end alice',
    ]);
  });

  it('can stand for an API key of people, and ends with it', async () => {
    const gateway = await start();
    const { text, key } = await keyOf('admin');
    const { json, cookie } = await signIn(gateway, { api_key: text });
    expect(json.session).toMatchObject({ user: null, key_id: key.key_id });
    const made = await post(gateway, '/keys', { name: 'x', role: 'viewer' }, { cookie, ...OWN });
    expect(made).toMatchObject({ status: 201, json: { by: `key ${key.key_id} (a admin)` } });
    expect((await whoAmI(gateway, bearer(made.json.text))).json.session).toMatchObject({
      ...{ name: 'x', role: 'viewer', created_at: null, idle_timeout: null },
    });
    await endKey(context, key.key_id, actor());
    expect(await check(cookie)).toEqual({ refusal: expect.stringContaining('has ended') });
    for (const [api_key, code] of [
      [(await keyOf('device')).text, 'E_ROLE'],
      [`${text.slice(0, -1)}x`, 'E_KEY'],
    ])
      expect(await signIn(gateway, { api_key })).toMatchObject({ json: { code }, set: '' });
  });

  it('ends when password or role changes, and when the user is disabled or removed, whatever came first', async () => {
    await user('bob', 'viewer');
    const bob = await logIn('bob', PASSWORD);
    let password = PASSWORD;
    const changes: Array<() => Promise<unknown>> = [
      () => changeRole(context, 'alice', 'viewer', actor()),
      async () => {
        password = 'another horse battery';
        await changePassword(context, 'alice', password, actor());
      },
      async () => {
        await disable(context, 'ALICE', actor());
        await refusedWith('E_LOGIN', logIn('alice', password, '192.0.2.9'));
        await enable(context, 'alice', actor());
      },
      async () => {
        await removeUser(context, 'alice', actor());
        await user('alice', 'admin');
      },
    ];
    for (const change of changes) {
      const text = await logIn('alice', password);
      expect(await check(text)).toHaveProperty('session.user.name', 'alice');
      await change();
      expect(await check(text)).toEqual({ refusal: expect.stringContaining('has ended') });
    }
    expect(await check(bob)).toHaveProperty('session');
    await changeRole(context, 'bob', 'viewer', actor());
    expect(await check(bob), 'the same role again').toHaveProperty('session');
  });

  it('does not begin when the user is changed while the password is checked', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const verify = hasher.verify.bind(hasher);
    hasher.verify = async (...args) => {
      const found = await verify(...args);
      await changeRole(context, 'alice', 'submitter', actor());
      return found;
    };
    await refusedWith('E_LOGIN', logIn('alice', PASSWORD, '192.0.2.1', hasher));
    expect(await rowsOf(given.db.names.session)).toEqual([]);
  });

  it('ends after half an hour without a request, and after twelve hours in any case', async () => {
    const { session } = given.db.names;
    const aged = async (column: string, seconds: number) => {
      const text = await logIn('alice', PASSWORD);
      await given.session.write(
        `UPDATE ${session} SET ${column} = UTC_TIMESTAMP(3) - INTERVAL ? SECOND WHERE id_hash = ?`,
        [seconds, createHash('sha256').update(text).digest()],
      );
      return text;
    };
    expect(await check(await aged('last_seen_at', 1801))).toHaveProperty('refusal');
    expect(await check(await aged('expires_at', 1))).toHaveProperty('refusal');
    // A log-in forgets those that have expired.
    const used = await aged('last_seen_at', 1700);
    expect(await rowsOf(`${session} WHERE expires_at < UTC_TIMESTAMP(3)`)).toEqual([]);
    expect(await check(used)).toHaveProperty('session');
    expect(await rowsOf(`${session} WHERE last_seen_at > UTC_TIMESTAMP(3) - INTERVAL 60 SECOND`)).toHaveLength(1);
  });

  it('takes its streams with it, as a key does that is revoked; a page that is left open is no use of it', async () => {
    const gateway = await start();
    const { changes } = gateway.gateway;
    const listen = changes.listen.bind(changes);
    const beats: Array<() => void> = [];
    changes.listen = (filter, id, listener) => {
      beats.push(() => listener.beat());
      return listen(filter, id, listener);
    };
    const { cookie } = await signIn(gateway);
    const { headers, key } = await keyOf('viewer');
    const opened = await Promise.all(
      [{ cookie }, headers].map((by) => fetch(`${gateway.url}/api/v1/events`, { headers: by as Headers })),
    );
    const { session } = given.db.names;
    await given.session.write(`UPDATE ${session} SET last_seen_at = UTC_TIMESTAMP(3) - INTERVAL 1700 SECOND`);
    expect(await gateway.app.identities!.sessions.holds(cookie.split('=')[1]!)).toBe(true);
    expect(await rowsOf(`${session} WHERE last_seen_at > UTC_TIMESTAMP(3) - INTERVAL 1600 SECOND`)).toEqual([]);
    await disable(context, 'alice', actor());
    await endKey(context, key.key_id, actor());
    let over = false;
    void Promise.all(opened.map((one) => one.text())).then(() => (over = true));
    await until(() => {
      for (const beat of beats) beat();
      return over;
    });
  });

  it('RB5 cannot be made from what the database has', async () => {
    const gateway = await start();
    const { cookie } = await signIn(gateway);
    const { names } = given.db;
    const [[session], [stored]] = [await rowsOf(names.session), await rowsOf(names.user)];
    const hash = session!.id_hash as Buffer;
    for (const guess of [hash.toString('base64url'), hash.toString('hex')])
      expect((await whoAmI(gateway, { cookie: `afd_session=${guess}` })).status).toBe(401);
    expect((await signIn(gateway, { ...alice, password: stored!.password_hash })).status).toBe(401);
    const text = JSON.stringify([session, stored, await rowsOf(names.auditLog)]);
    for (const secret of [cookie.split('=')[1]!, PASSWORD]) expect(text).not.toContain(secret);
  });
});

describe('RB12 a change with the cookie of a session', () => {
  // Which pages are others: test/unit/gateway/browsers.test.ts.
  it('is refused unless a page of this gateway sends it, and so are log-in and sign-out', async () => {
    const gateway = await start();
    const { cookie } = await signIn(gateway, alice, OWN);
    const id = await given.rows.task({});
    const foreign = { 'sec-fetch-site': 'cross-site' };
    const cancel = (headers: Headers) => post(gateway, `/tasks/${id}/cancel`, {}, headers);
    const refused = { status: 403, json: { code: 'E_CROSS_SITE' } };
    expect(await cancel({ cookie, ...foreign })).toMatchObject(refused);
    expect(await given.rows.readTask(id)).toMatchObject({ status: 'pending' });
    expect(await signIn(gateway, alice, foreign)).toMatchObject({ ...refused, set: '' });
    expect(await signOut(gateway, { cookie, ...foreign })).toMatchObject(refused);
    expect((await whoAmI(gateway, { cookie, ...foreign })).status).toBe(200);
    expect(gateway.lines.join()).toContain('Sec-Fetch-Site is cross-site');
    // With a key no page elsewhere can have sent it.
    expect((await cancel({ ...foreign, ...(await keyOf('operator')).headers })).status).toBe(200);
    expect((await cancel({ cookie, origin: new URL(gateway.url).origin })).status).toBe(200);
  });
});

describe('failed log-ins', () => {
  const WRONG = 'wrong horse battery';

  it('lock out their name and address at every gateway, and nobody who is elsewhere', async () => {
    await user('bob', 'viewer');
    const proxied = { trusted_proxies: ['127.0.0.1'] };
    const [a, b] = [await start(proxied), await start(proxied)];
    const via = (address: string) => ({ 'x-forwarded-for': address });
    for (const gateway of [a, b, a, b, a])
      expect((await signIn(gateway, { ...alice, password: WRONG }, via('203.0.113.9'))).json.code).toBe('E_LOGIN');
    for (const gateway of [a, b]) {
      const { status, json, headers } = await signIn(gateway, alice, via('203.0.113.9'));
      expect([status, json.code]).toEqual([429, 'E_LOCKED']);
      expect(json.detail).toContain(json.data.locked_until);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(780);
    }
    expect((await signIn(b, alice, via('203.0.113.10'))).status).toBe(200);
    expect((await signIn(a, { ...alice, user: 'bob' }, via('203.0.113.9'))).status).toBe(200);
    expect(b.lines.join()).toContain('log-ins from 203.0.113.9 are refused until');
    await changePassword(context, 'alice', PASSWORD, actor());
    await logIn('alice', PASSWORD, '203.0.113.9');
  });

  it('are forgotten after 15 minutes, by the clock of the database, and by a log-in that succeeds', async () => {
    const { loginFailure } = given.db.names;
    const fail = () => refusedWith('E_LOGIN', logIn('alice', WRONG));
    const later = (seconds: number) =>
      given.session.write(`UPDATE ${loginFailure} SET at = at - INTERVAL ${seconds} SECOND`);
    for (let n = 0; n < 4; n += 1) await fail();
    await logIn('alice', PASSWORD);
    expect(await rowsOf(loginFailure)).toEqual([]);
    for (let n = 0; n < 5; n += 1) await fail();
    await later(899);
    await refusedWith('E_LOCKED', logIn('alice', PASSWORD));
    await later(2);
    await fail();
    await later(86_400);
    await fail();
    expect(await rowsOf(loginFailure)).toHaveLength(1);
  });

  it('lock out an address that tries many names, and a name that is tried at many addresses', async () => {
    for (let n = 0; n < 20; n += 1) await refusedWith('E_LOGIN', logIn(`user${n}`, 'x'));
    await refusedWith('E_LOCKED', logIn('alice', PASSWORD));
    for (let n = 0; n < 50; n += 1) await refusedWith('E_LOGIN', logIn('alice', 'x', `198.51.100.${n}`));
    await refusedWith('E_LOCKED', logIn('alice', PASSWORD, '192.0.2.3'));
  });

  it('count each other when they come at one moment', async () => {
    const { requests } = (await start()).gateway;
    const hasher = new PasswordHasher(CHEAP);
    const people = new LogIn(requests.use.bind(requests), hasher, () => {});
    const from = { address: '192.0.2.1', network: '192.0.2.1', request_id: 'of-a-test' };
    const ends = await Promise.allSettled(Array.from({ length: 40 }, () => people.withPassword('alice', WRONG, from)));
    const codes = ends.map((one) => (one.status === 'rejected' ? one.reason.code : 'signed in'));
    expect(codes.filter((code) => !['E_LOGIN', 'E_LOCKED', 'E_TEMPORARY'].includes(code))).toEqual([]);
    expect(hasher.made).toBeLessThanOrEqual(5);
  });

  it('say nothing of whether there is such a user, and take the same work', async () => {
    const [known, unknown] = await Promise.all(
      ['alice', 'nobody'].map(async (name) => {
        const hasher = new PasswordHasher(CHEAP);
        const { code, message, data } = await logIn(name, WRONG, '192.0.2.1', hasher).catch((error) => error);
        return [code, message, data, hasher.made];
      }),
    );
    expect(known).toEqual(unknown);
    expect(known).toEqual(['E_LOGIN', expect.any(String), {}, 1]);
  });
});
