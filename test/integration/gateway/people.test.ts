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

const alice = { user: 'alice', password: PASSWORD };
const post = (gateway: TestGateway, path: string, body: unknown, headers: Headers = {}) =>
  gateway.call(`/api/v1${path}`, body, { headers });
const signIn = async (gateway: TestGateway, body: object, headers: Headers = {}) => {
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
const logIn = (hasher = new PasswordHasher(CHEAP)) => new LogIn(use, hasher, () => {});
const from = (address: string) => ({ address, network: address, request_id: 'of-a-test' });
const refusedWith = (code: string, tried: Promise<unknown>) => expect(tried).rejects.toMatchObject({ code });

describe('a session', () => {
  it('begins with a user and password, is who acts, and ends with sign-out', async () => {
    await user('alice', 'operator');
    const gateway = await start();
    const { json, set, cookie } = await signIn(gateway, { user: 'Alice', password: PASSWORD });
    expectDescribed(sessionAnswer, json);
    expect(json.session).toMatchObject({ user: 'alice', key_id: null, role: 'operator', idle_timeout: 1800 });
    expect(Date.parse(json.session.expires_at) - Date.parse(json.session.created_at)).toBe(12 * 3_600_000);
    expect(set).toMatch(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    expect((await whoAmI(gateway, { cookie })).json.session).toEqual(json.session);
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
    const acts = ['sessions.begin alice', `tasks.cancel ${id}`, 'sessions.end alice'];
    expect(await audited()).toEqual(acts.map((act) => `user:alice ${act}`));
  });

  it('has another id at each log-in, which ends the one that came with it', async () => {
    await user('alice', 'viewer');
    const gateway = await start();
    const first = await signIn(gateway, alice);
    const second = await signIn(gateway, alice, { cookie: first.cookie, ...OWN });
    expect(second.cookie).not.toBe(first.cookie);
    expect((await whoAmI(gateway, { cookie: first.cookie })).status).toBe(401);
    expect((await whoAmI(gateway, { cookie: second.cookie })).status).toBe(200);
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
    const ofDevice = await signIn(gateway, { api_key: (await keyOf('device')).text });
    expect(ofDevice).toMatchObject({ status: 403, json: { code: 'E_ROLE' }, set: '' });
    const wrong = await signIn(gateway, { api_key: `${text.slice(0, -1)}x` });
    expect(wrong).toMatchObject({ status: 401, json: { code: 'E_KEY' } });
  });

  it('ends when password or role changes, and when the user is disabled or removed, whatever came first', async () => {
    await user('alice', 'viewer');
    await user('bob', 'viewer');
    const people = logIn();
    const bob = await people.withPassword('bob', PASSWORD, from('192.0.2.2'));
    let password = PASSWORD;
    const changes: Array<() => Promise<unknown>> = [
      () => changeRole(context, 'alice', 'operator', actor()),
      async () => {
        password = 'another horse battery';
        await changePassword(context, 'alice', password, actor());
      },
      async () => {
        await disable(context, 'ALICE', actor());
        await refusedWith('E_LOGIN', people.withPassword('alice', password, from('192.0.2.9')));
        await enable(context, 'alice', actor());
      },
      async () => {
        await removeUser(context, 'alice', actor());
        await user('alice', 'admin');
        password = PASSWORD;
      },
    ];
    for (const change of changes) {
      const text = await people.withPassword('alice', password, from('192.0.2.1'));
      expect(await check(text)).toHaveProperty('session.user.name', 'alice');
      await change();
      expect(await check(text)).toEqual({ refusal: expect.stringContaining('has ended') });
    }
    expect(await check(bob)).toHaveProperty('session');
    // The same role again changes nothing.
    const text = await people.withPassword('alice', password, from('192.0.2.1'));
    await changeRole(context, 'alice', 'admin', actor());
    expect(await check(text)).toHaveProperty('session.user.role', 'admin');
  });

  it('does not begin when the user is changed while the password is checked', async () => {
    await user('alice', 'viewer');
    const hasher = new PasswordHasher(CHEAP);
    const verify = hasher.verify.bind(hasher);
    hasher.verify = async (...args) => {
      const found = await verify(...args);
      await changeRole(context, 'alice', 'submitter', actor());
      return found;
    };
    await refusedWith('E_LOGIN', logIn(hasher).withPassword('alice', PASSWORD, from('192.0.2.1')));
    expect(await given.session.rows(`SELECT 1 FROM ${given.db.names.session}`)).toEqual([]);
  });

  it('ends after half an hour without a request, and after twelve hours in any case', async () => {
    await user('alice', 'viewer');
    const { session } = given.db.names;
    const aged = async (column: string, change: string) => {
      const text = await logIn().withPassword('alice', PASSWORD, from('192.0.2.1'));
      const hash = createHash('sha256').update(text).digest();
      await given.session.write(
        `UPDATE ${session} SET ${column} = UTC_TIMESTAMP(3) - INTERVAL ${change} SECOND WHERE id_hash = ?`,
        [hash],
      );
      return text;
    };
    expect(await check(await aged('last_seen_at', '1801'))).toHaveProperty('refusal');
    expect(await check(await aged('expires_at', '1'))).toHaveProperty('refusal');
    // A log-in forgets those that have expired.
    const used = await aged('last_seen_at', '1700');
    expect(await given.session.rows(`SELECT 1 FROM ${session} WHERE expires_at < UTC_TIMESTAMP(3)`)).toEqual([]);
    expect(await check(used)).toHaveProperty('session');
    const unseen = `SELECT 1 FROM ${session} WHERE last_seen_at < UTC_TIMESTAMP(3) - INTERVAL 60 SECOND AND id_hash = ?`;
    expect(await given.session.rows(unseen, [createHash('sha256').update(used).digest()])).toEqual([]);
  });

  it('is remembered for five seconds', async () => {
    await user('alice', 'viewer');
    const text = await logIn().withPassword('alice', PASSWORD, from('192.0.2.1'));
    let now = 0;
    const sessions = new SessionCheck(use, () => now);
    expect(await sessions.check(text)).toHaveProperty('session');
    await disable(context, 'alice', actor());
    now = 4999;
    expect(await sessions.check(text)).toHaveProperty('session');
    now = 5000;
    expect(await sessions.check(text)).toHaveProperty('refusal');
  });

  it('takes its streams with it, as a key does that is revoked', async () => {
    await user('alice', 'viewer');
    const gateway = await start();
    const { changes } = gateway.gateway;
    const listen = changes.listen.bind(changes);
    const beats: Array<() => void> = [];
    changes.listen = (filter, id, listener) => {
      beats.push(() => listener.beat());
      return listen(filter, id, listener);
    };
    const { cookie } = await signIn(gateway, alice);
    const { headers, key } = await keyOf('viewer');
    const ended = await Promise.all(
      [{ cookie }, headers].map(async (by) => {
        const response = await fetch(`${gateway.url}/api/v1/events`, { headers: by as Headers });
        const reader = response.body!.getReader();
        await reader.read();
        return async () => {
          while (!(await reader.read()).done);
        };
      }),
    );
    const { session } = given.db.names;
    await given.session.write(`UPDATE ${session} SET last_seen_at = UTC_TIMESTAMP(3) - INTERVAL 1700 SECOND`);
    expect(await gateway.app.identities!.sessions.holds(cookie.split('=')[1]!)).toBe(true);
    // A page that is left open is no use of it.
    const seen = `SELECT 1 FROM ${session} WHERE last_seen_at > UTC_TIMESTAMP(3) - INTERVAL 1600 SECOND`;
    expect(await given.session.rows(seen)).toEqual([]);
    await disable(context, 'alice', actor());
    await endKey(context, key.key_id, actor());
    let over = false;
    void Promise.all(ended.map((one) => one())).then(() => (over = true));
    await until(() => {
      for (const beat of beats) beat();
      return over;
    });
  });

  it('RB5 cannot be made from what the database has', async () => {
    await user('alice', 'admin');
    const gateway = await start();
    const { cookie } = await signIn(gateway, alice);
    const all = async (table: string) => given.session.rows(`SELECT * FROM ${table}`);
    const { names } = given.db;
    const [[session], [stored]] = [await all(names.session), await all(names.user)];
    const hash = session!.id_hash as Buffer;
    for (const guess of [hash.toString('base64url'), hash.toString('hex'), hash.toString('hex').slice(0, 43)])
      expect((await whoAmI(gateway, { cookie: `afd_session=${guess}` })).status).toBe(401);
    const password_hash = stored!.password_hash as string;
    for (const password of [password_hash, password_hash.split('$').at(-1)!])
      expect((await signIn(gateway, { user: 'alice', password })).status).toBe(401);
    const text = JSON.stringify([session, stored, await all(names.auditLog)]);
    for (const secret of [cookie.split('=')[1]!, PASSWORD]) expect(text).not.toContain(secret);
  });

  it('is not needed where nobody is asked who they are', async () => {
    const gateway = await start({ auth: 'none' });
    expect(await signIn(gateway, alice)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    expect((await whoAmI(gateway, {})).json.session).toBeNull();
    expect((await signOut(gateway, {})).status).toBe(204);
  });
});

describe('RB12 a change with the cookie of a session', () => {
  // Which pages are others: test/unit/gateway/browsers.test.ts.
  it('is refused unless a page of this gateway sends it, and so are log-in and sign-out', async () => {
    await user('alice', 'operator');
    const gateway = await start();
    const { cookie } = await signIn(gateway, alice, OWN);
    const id = await given.rows.task({});
    const foreign = { 'sec-fetch-site': 'cross-site' };
    const cancel = (headers: Headers) => post(gateway, `/tasks/${id}/cancel`, {}, headers);
    const refused = { status: 403, json: { code: 'E_CROSS_SITE' } };
    expect(await cancel({ cookie, ...foreign })).toMatchObject(refused);
    expect(await cancel({ cookie, ...OWN, 'content-type': 'text/plain' })).toMatchObject(refused);
    expect(await given.rows.readTask(id)).toMatchObject({ status: 'pending' });
    expect(await signIn(gateway, alice, foreign)).toMatchObject({ ...refused, set: '' });
    expect(await signOut(gateway, { cookie, ...foreign })).toMatchObject(refused);
    expect((await whoAmI(gateway, { cookie, ...foreign })).status).toBe(200);
    expect(gateway.lines.some((line) => line.includes('Sec-Fetch-Site is cross-site'))).toBe(true);
    // With a key no page elsewhere can have sent it.
    expect((await cancel({ ...foreign, ...(await keyOf('operator')).headers })).status).toBe(200);
    expect((await cancel({ cookie, origin: new URL(gateway.url).origin })).status).toBe(200);
  });
});

describe('failed log-ins', () => {
  const via = (address: string) => ({ 'x-forwarded-for': address });
  const bad = { user: 'alice', password: 'wrong horse battery' };

  it('lock out their name and address at every gateway, and nobody who is elsewhere', async () => {
    await user('alice', 'viewer');
    await user('bob', 'viewer');
    const proxied = { trusted_proxies: ['127.0.0.1'] };
    const [a, b] = [await start(proxied), await start(proxied)];
    for (const gateway of [a, b, a, b, a])
      expect(await signIn(gateway, bad, via('203.0.113.9'))).toMatchObject({ status: 401, json: { code: 'E_LOGIN' } });
    for (const gateway of [a, b, a]) {
      const { json, headers } = await signIn(gateway, alice, via('203.0.113.9'));
      expect(json).toMatchObject({ status: 429, code: 'E_LOCKED' });
      expect(json.detail).toContain(json.data.locked_until);
      const minutes = Number(headers.get('retry-after')) / 60;
      expect(minutes).toBeGreaterThan(13);
      expect(minutes).toBeLessThan(16);
    }
    expect((await signIn(b, alice, via('203.0.113.10'))).status).toBe(200);
    expect((await signIn(a, { ...alice, user: 'bob' }, via('203.0.113.9'))).status).toBe(200);
    expect(b.lines.some((line) => line.includes('log-ins from 203.0.113.9 are refused until'))).toBe(true);
    await changePassword(context, 'alice', PASSWORD, actor());
    expect(await logIn().withPassword('alice', PASSWORD, from('203.0.113.9'))).toHaveLength(43);
  });

  it('are forgotten after 15 minutes, by the clock of the database, and by a log-in that succeeds', async () => {
    await user('alice', 'viewer');
    const { loginFailure } = given.db.names;
    const tried = (password: string) => logIn().withPassword('alice', password, from('192.0.2.1'));
    const fail = () => refusedWith('E_LOGIN', tried(bad.password));
    const later = (seconds: number) =>
      given.session.write(`UPDATE ${loginFailure} SET at = at - INTERVAL ${seconds} SECOND`);
    const kept = () => given.session.rows(`SELECT 1 FROM ${loginFailure}`);
    for (let n = 0; n < 4; n += 1) await fail();
    await tried(PASSWORD);
    expect(await kept()).toEqual([]);
    for (let n = 0; n < 5; n += 1) await fail();
    await later(899);
    await refusedWith('E_LOCKED', tried(PASSWORD));
    await later(2);
    await fail();
    await later(86_400);
    await fail();
    expect(await kept()).toHaveLength(1);
    expect(await tried(PASSWORD)).toHaveLength(43);
  });

  it('lock out an address that tries many names, and a name that is tried at many addresses', async () => {
    await user('alice', 'viewer');
    const people = logIn();
    for (let n = 0; n < 20; n += 1)
      await refusedWith('E_LOGIN', people.withPassword(`user${n}`, 'x', from('192.0.2.1')));
    await refusedWith('E_LOCKED', people.withPassword('alice', PASSWORD, from('192.0.2.1')));
    await people.withPassword('alice', PASSWORD, from('192.0.2.2'));
    for (let n = 0; n < 50; n += 1)
      await refusedWith('E_LOGIN', people.withPassword('alice', 'x', from(`198.51.100.${n}`)));
    await refusedWith('E_LOCKED', people.withPassword('alice', PASSWORD, from('192.0.2.3')));
  });

  it('count each other when they come at one moment', async () => {
    await user('alice', 'viewer');
    const { requests } = (await start()).gateway;
    const hasher = new PasswordHasher(CHEAP);
    const people = new LogIn(requests.use.bind(requests), hasher, () => {});
    const ends = await Promise.allSettled(
      Array.from({ length: 40 }, () => people.withPassword('alice', bad.password, from('192.0.2.1'))),
    );
    const codes = ends.map((one) => (one.status === 'rejected' ? one.reason.code : 'signed in'));
    expect(codes.filter((code) => !['E_LOGIN', 'E_LOCKED', 'E_TEMPORARY'].includes(code))).toEqual([]);
    expect(hasher.made).toBeLessThanOrEqual(5);
  });

  it('say nothing of whether there is such a user, and take the same work', async () => {
    await user('alice', 'viewer');
    const said: unknown[] = [];
    for (const name of ['alice', 'nobody']) {
      const hasher = new PasswordHasher(CHEAP);
      const end = await logIn(hasher)
        .withPassword(name, bad.password, from('192.0.2.1'))
        .catch((error) => error);
      said.push([end.code, end.message, end.data, hasher.made]);
    }
    expect(said[0]).toEqual(said[1]);
    expect(said[0]).toEqual(['E_LOGIN', expect.any(String), {}, 1]);
  });
});
