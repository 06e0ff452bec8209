// Sign-in for people: sessions, what ends them, and who is locked out.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { LogIn } from '../../../src/core/access/log-in.ts';
import { endKey, makeKey } from '../../../src/core/access/manage-keys.ts';
import {
  addUser,
  changePassword,
  changeRole,
  disable,
  enable,
  removeUser,
} from '../../../src/core/access/manage-users.ts';
import { PasswordHasher } from '../../../src/core/access/password-hash.ts';
import { SessionCheck } from '../../../src/core/access/session-check.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Role, UserRole } from '../../../src/core/domain/access/role.ts';
import { sessionAnswer } from '../../../src/http/access/session-contract.ts';
import { actor } from '../../helpers/actor.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

const PASSWORD = 'correct horse battery';
const OWN = { 'sec-fetch-site': 'same-origin' };
/** Takes no time. */
const CHEAP = { ln: 4, r: 8, p: 1 };
let given: Given;
let context: ReturnType<typeof testContext>;

it.beforeEach(({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(given.db);
  onTestFinished(() => context.close());
});
afterEach(stopGateways);

const start = (server: object = {}) =>
  startGateway(given.db, { server: { auth: 'keys', ...server }, limits: { requestsPerAddress: 100_000 } });
/** With a hash that takes no time. */
const user = async (name: string, role: UserRole, password = PASSWORD) => {
  const hash = await new PasswordHasher(CHEAP).hash(password);
  await given.session.write(
    `INSERT INTO ${given.db.names.user} (name, password_hash, role, created_at, created_by, password_changed_at)
     VALUES (?, ?, ?, UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3))`,
    [name, hash, role],
  );
};
const keyOf = (role: Role) => makeKey(context, { name: `a ${role}`, role, device_id: null, lifetimeS: 3600 }, actor());
const post = (gateway: TestGateway, path: string, body: unknown, headers: Record<string, string> = {}) =>
  gateway.call(`/api/v1${path}`, body, { headers });
const signIn = async (gateway: TestGateway, body: object, headers: Record<string, string> = {}) => {
  const answer = await post(gateway, '/session', body, headers);
  const set = answer.headers.get('set-cookie') ?? '';
  return { ...answer, set, cookie: set.split(';')[0]! };
};
const alice = { user: 'alice', password: PASSWORD };
const whoAmI = (gateway: TestGateway, headers: Record<string, string>) =>
  gateway.call('/api/v1/session', undefined, { headers });
/** Without what a process remembers. */
const check = (cookie: string) => new SessionCheck(use).check(cookie.slice(cookie.indexOf('=') + 1));
/** With the session of the test. */
const use: ConstructorParameters<typeof LogIn>[0] = (work) =>
  work({ ...context, session: async () => given.session, now: async () => new Date().toISOString() });
const logIn = (hasher = new PasswordHasher(CHEAP)) => new LogIn(use, hasher, () => {});
const from = (address: string) => ({ address, network: address, request_id: 'of-a-test' });

describe('a session', () => {
  it('begins with a user and password, is who acts, and ends with sign-out', async () => {
    await addUser(context, { name: 'alice', role: 'operator', password: PASSWORD }, actor());
    const gateway = await start();
    const { status, json, set, cookie } = await signIn(gateway, { user: 'Alice', password: PASSWORD });
    expect(status).toBe(200);
    expectDescribed(sessionAnswer, json);
    expect(json.session).toMatchObject({ user: 'alice', key_id: null, role: 'operator', idle_timeout: 1800 });
    expect(Date.parse(json.session.expires_at) - Date.parse(json.session.created_at)).toBe(12 * 3_600_000);
    expect(set).toMatch(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    const who = await whoAmI(gateway, { cookie: `other=1; ${cookie}` });
    expectDescribed(sessionAnswer, who.json);
    expect(who.json.session).toEqual(json.session);
    const id = await given.rows.task({});
    const cancelled = await post(gateway, `/tasks/${id}/cancel`, {}, { cookie, ...OWN });
    expect(cancelled).toMatchObject({ status: 200, json: { by: 'user alice' } });
    expect(await post(gateway, '/keys', { name: 'x', role: 'admin' }, { cookie, ...OWN })).toMatchObject({
      status: 403,
      json: { code: 'E_ROLE', detail: expect.stringContaining('The user alice has the role operator') },
    });
    const out = await gateway.call('/api/v1/session', undefined, { method: 'DELETE', headers: { cookie, ...OWN } });
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toBe('afd_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict');
    expect(await whoAmI(gateway, { cookie })).toMatchObject({ status: 401, json: { code: 'E_KEY' } });
    const rows = await given.session.rows(
      `SELECT action, object_id, actor, source FROM ${given.db.names.auditLog} WHERE actor LIKE 'user:%' ORDER BY id`,
    );
    const by = { actor: 'user:alice', source: '127.0.0.1' };
    expect(rows).toEqual([
      { action: 'sessions.begin', object_id: 'alice', ...by },
      { action: 'tasks.cancel', object_id: String(id), ...by },
      { action: 'sessions.end', object_id: 'alice', ...by },
    ]);
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
  });

  it('has another id at each log-in, which ends the one that came with it', async () => {
    await user('alice', 'viewer');
    const gateway = await start();
    const first = await signIn(gateway, alice);
    const second = await signIn(gateway, alice, { cookie: first.cookie, ...OWN });
    expect(second.status).toBe(200);
    expect(second.cookie).not.toBe(first.cookie);
    expect((await whoAmI(gateway, { cookie: first.cookie })).status).toBe(401);
    expect((await whoAmI(gateway, { cookie: second.cookie })).status).toBe(200);
  });

  it('can stand for an API key of people, and ends with it', async () => {
    const gateway = await start();
    const { text, key } = await keyOf('admin');
    const { status, json, cookie } = await signIn(gateway, { api_key: text });
    expect([status, json.session]).toEqual([200, expect.objectContaining({ user: null, key_id: key.key_id })]);
    const made = await post(gateway, '/keys', { name: 'x', role: 'viewer' }, { cookie, ...OWN });
    expect(made).toMatchObject({ status: 201, json: { by: `key ${key.key_id} (a admin)` } });
    expect(await check(cookie)).toHaveProperty('session.key.key_id', key.key_id);
    await endKey(context, key.key_id, actor());
    expect(await check(cookie)).toEqual({ refusal: expect.stringContaining('has ended') });
    expect(await signIn(gateway, { api_key: (await keyOf('device')).text })).toMatchObject({
      ...{ status: 403, json: { code: 'E_ROLE' }, set: '' },
    });
    const other = await signIn(gateway, { api_key: `${text.slice(0, -1)}x` });
    expect(other).toMatchObject({ status: 401, json: { code: 'E_KEY' } });
    expect((await whoAmI(gateway, { authorization: `Bearer ${made.json.text}` })).json.session).toMatchObject({
      ...{ name: 'x', role: 'viewer', created_at: null, idle_timeout: null },
    });
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
        await expect(people.withPassword('alice', password, from('192.0.2.9'))).rejects.toMatchObject({
          code: 'E_LOGIN',
        });
        await enable(context, 'alice', actor());
      },
      async () => {
        await removeUser(context, 'alice', actor());
        await user('alice', 'admin');
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
    const text = await people.withPassword('alice', PASSWORD, from('192.0.2.1'));
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
    await expect(logIn(hasher).withPassword('alice', PASSWORD, from('192.0.2.1'))).rejects.toMatchObject({
      code: 'E_LOGIN',
    });
    expect(await given.session.rows(`SELECT 1 FROM ${given.db.names.session}`)).toEqual([]);
  });

  it('ends after half an hour without a request, and after twelve hours in any case', async () => {
    await user('alice', 'viewer');
    const people = logIn();
    const { session } = given.db.names;
    const aged = async (change: string) => {
      const text = await people.withPassword('alice', PASSWORD, from('192.0.2.1'));
      await given.session.write(`UPDATE ${session} SET ${change} WHERE id_hash = ?`, [
        createHash('sha256').update(text).digest(),
      ]);
      return text;
    };
    const idle = await aged('last_seen_at = UTC_TIMESTAMP(3) - INTERVAL 1801 SECOND');
    expect(await check(idle)).toHaveProperty('refusal');
    const old = await aged('expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
    expect(await check(old)).toHaveProperty('refusal');
    const used = await aged('last_seen_at = UTC_TIMESTAMP(3) - INTERVAL 1700 SECOND');
    const unseen = async () =>
      (
        await given.session.rows(
          `SELECT MAX(TIMESTAMPDIFF(SECOND, last_seen_at, UTC_TIMESTAMP(3))) AS s FROM ${session}
        WHERE id_hash = UNHEX(?)`,
          [createHash('sha256').update(used).digest('hex')],
        )
      )[0]!.s;
    expect(Number(await unseen())).toBeGreaterThan(1600);
    expect(await check(used)).toHaveProperty('session');
    expect(Number(await unseen())).toBeLessThan(60);
    // The next log-in forgets those that have expired.
    await people.withPassword('alice', PASSWORD, from('192.0.2.1'));
    expect(await given.session.rows(`SELECT 1 FROM ${session} WHERE expires_at < UTC_TIMESTAMP(3)`)).toEqual([]);
  });

  it('is remembered for five seconds, and its use is written once a minute', async () => {
    await user('alice', 'viewer');
    const text = await logIn().withPassword('alice', PASSWORD, from('192.0.2.1'));
    let [now, asked] = [0, 0];
    const sessions = new SessionCheck(
      async (work) => {
        asked += 1;
        return use(work);
      },
      () => now,
    );
    for (let n = 0; n < 10; n += 1) expect(await sessions.check(text)).toHaveProperty('session');
    await disable(context, 'alice', actor());
    now = 4999;
    expect(await sessions.check(text)).toHaveProperty('session');
    now = 5000;
    expect(await sessions.check(text)).toHaveProperty('refusal');
    expect(asked).toBe(2);
    const invented = () => sessions.check(`${Math.random()}`.padEnd(43, 'x').replaceAll('.', '_'));
    const ends = await Promise.all(Array.from({ length: 1000 }, invented));
    expect(ends.every((one) => 'refusal' in one)).toBe(true);
    expect(asked).toBe(4);
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
    const { text, key } = await keyOf('viewer');
    const streams = [{ cookie }, { authorization: `Bearer ${text}` }].map(async (headers) => {
      const response = await fetch(`${gateway.url}/api/v1/events`, { headers });
      expect(response.status).toBe(200);
      const reader = response.body!.getReader();
      await reader.read();
      return { reader, ended: false };
    });
    const open = await Promise.all(streams);
    for (const one of open) {
      void (async () => {
        while (!(await one.reader.read()).done);
        one.ended = true;
      })();
    }
    const { session: table } = given.db.names;
    await given.session.write(`UPDATE ${table} SET last_seen_at = UTC_TIMESTAMP(3) - INTERVAL 1700 SECOND`);
    expect(await gateway.app.identities!.sessions.holds(cookie.split('=')[1]!)).toBe(true);
    // A page that is left open is no use of it.
    const [row] = await given.session.rows(
      `SELECT TIMESTAMPDIFF(SECOND, last_seen_at, UTC_TIMESTAMP(3)) AS s FROM ${table}`,
    );
    expect(Number(row!.s)).toBeGreaterThan(1600);
    await disable(context, 'alice', actor());
    await endKey(context, key.key_id, actor());
    await until(async () => {
      for (const beat of beats) beat();
      return open.every((one) => one.ended);
    });
  });

  it('RB5 cannot be made from what the database has', async () => {
    await user('alice', 'admin');
    const gateway = await start();
    const { cookie } = await signIn(gateway, alice);
    const [row] = await given.session.rows(`SELECT id_hash FROM ${given.db.names.session}`);
    const [stored] = await given.session.rows(`SELECT password_hash FROM ${given.db.names.user}`);
    const { id_hash } = row as { id_hash: Buffer };
    const { password_hash } = stored as { password_hash: string };
    expect(password_hash).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$/);
    const guesses = [id_hash.toString('base64url'), id_hash.toString('hex'), id_hash.toString('hex').slice(0, 43)];
    for (const guess of guesses) expect((await whoAmI(gateway, { cookie: `afd_session=${guess}` })).status).toBe(401);
    for (const password of [password_hash, password_hash.split('$').at(-1)!])
      expect((await signIn(gateway, { user: 'alice', password })).status).toBe(401);
    const all = JSON.stringify([
      await given.session.rows(`SELECT * FROM ${given.db.names.session}`),
      await given.session.rows(`SELECT * FROM ${given.db.names.auditLog}`),
    ]);
    for (const secret of [cookie.split('=')[1]!, PASSWORD]) expect(all).not.toContain(secret);
  });

  it('is not needed where nobody is asked who they are', async () => {
    const gateway = await start({ auth: 'none' });
    expect(await signIn(gateway, alice)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    expect((await whoAmI(gateway, {})).json.session).toBeNull();
    expect((await gateway.call('/api/v1/session', undefined, { method: 'DELETE' })).status).toBe(204);
  });

  it('has a Secure cookie that no neighbouring host can set, wherever the browser speaks TLS', async () => {
    await user('alice', 'viewer');
    const gateway = await start({ trusted_proxies: ['127.0.0.1'] });
    const far = { 'x-forwarded-for': '203.0.113.9' };
    for (const headers of [{ ...far, 'x-forwarded-proto': 'https' }, far, { 'x-forwarded-proto': 'https' }]) {
      const { set, cookie } = await signIn(gateway, alice, headers);
      expect(set).toMatch(/^__Host-afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/);
      expect((await whoAmI(gateway, { ...headers, cookie })).status).toBe(200);
      const plain = cookie.replace('__Host-', '');
      expect((await whoAmI(gateway, { ...headers, cookie: plain })).status).toBe(401);
    }
  });
});

describe('RB12 a change with the cookie of a session', () => {
  it('is refused unless a page of this gateway sends it as JSON', async () => {
    await user('alice', 'operator');
    const gateway = await start();
    const { cookie } = await signIn(gateway, alice);
    const id = await given.rows.task({});
    const own = new URL(gateway.url).origin;
    const cancel = async (headers: Record<string, string>, type = 'application/json') => {
      const init = { method: 'POST', body: '{}', headers: { cookie, 'content-type': type, ...headers } };
      const response = await fetch(`${gateway.url}/api/v1/tasks/${id}/cancel`, init);
      const { code } = (await response.json()) as { code?: string };
      return [response.status, code];
    };
    const refused: Array<[Record<string, string>, string?]> = [
      ...['cross-site', 'same-site', 'none', ''].map((site): [Record<string, string>] => [{ 'sec-fetch-site': site }]),
      [{ 'sec-fetch-site': 'cross-site', origin: own }],
      [{}],
      [{ origin: 'https://evil.example' }],
      [{ origin: 'null' }],
      [{ origin: `${own}.evil.example` }],
      [OWN, 'text/plain'],
      [OWN, 'application/x-www-form-urlencoded'],
      [OWN, 'application/jsonp'],
    ];
    for (const [headers, type] of refused)
      expect([headers, type, ...(await cancel(headers, type))]).toEqual([headers, type, 403, 'E_CROSS_SITE']);
    expect(await given.rows.readTask(id)).toMatchObject({ status: 'pending' });
    const { text } = await keyOf('operator');
    // With a key no page elsewhere can have sent it.
    expect((await cancel({ 'sec-fetch-site': 'cross-site', authorization: `Bearer ${text}` }))[0]).toBe(200);
    for (const headers of [OWN, { origin: own }])
      expect((await cancel(headers, 'application/json; charset=utf-8'))[0]).toBe(200);
    expect((await whoAmI(gateway, { cookie, 'sec-fetch-site': 'cross-site' })).status).toBe(200);
    expect(gateway.lines.some((line) => line.includes('Sec-Fetch-Site is cross-site'))).toBe(true);
  });

  it('is refused for log-ins and sign-outs as well', async () => {
    await user('alice', 'viewer');
    const gateway = await start();
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ]) {
      const answer = await signIn(gateway, alice, headers);
      expect([headers, answer.status, answer.json.code, answer.set]).toEqual([headers, 403, 'E_CROSS_SITE', '']);
    }
    const { cookie } = await signIn(gateway, alice, OWN);
    const out = (headers: Record<string, string>) =>
      gateway.call('/api/v1/session', undefined, { method: 'DELETE', headers: { cookie, ...headers } });
    expect(await out({ 'sec-fetch-site': 'same-site' })).toMatchObject({ status: 403 });
    expect((await whoAmI(gateway, { cookie })).status).toBe(200);
    expect((await out(OWN)).status).toBe(204);
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
    for (let n = 0; n < 5; n += 1) {
      const answer = await signIn(n % 2 === 0 ? a : b, bad, via('203.0.113.9'));
      expect(answer).toMatchObject({ status: 401, json: { code: 'E_LOGIN' }, set: '' });
    }
    for (const gateway of [a, b, a]) {
      const { status, json, headers } = await signIn(gateway, alice, via('203.0.113.9'));
      expect([status, json.code]).toEqual([429, 'E_LOCKED']);
      const ms = Date.parse(json.data.locked_until) - Date.now();
      expect(ms).toBeGreaterThan(13 * 60_000);
      expect(ms).toBeLessThan(16 * 60_000);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(13 * 60);
      expect(json.detail).toContain(json.data.locked_until);
    }
    expect((await signIn(b, alice, via('203.0.113.10'))).status).toBe(200);
    expect((await signIn(a, { ...alice, user: 'bob' }, via('203.0.113.9'))).status).toBe(200);
    expect(b.lines.some((line) => line.includes('log-ins from 203.0.113.9 are refused until'))).toBe(true);
    await changePassword(context, 'alice', PASSWORD, actor());
    expect(await logIn().withPassword('alice', PASSWORD, from('203.0.113.9'))).toHaveLength(43);
  });

  it('are forgotten after 15 minutes, by the clock of the database, and by a log-in that succeeds', async () => {
    await user('alice', 'viewer');
    const people = logIn();
    const fail = () => people.withPassword('alice', bad.password, from('192.0.2.1'));
    const { loginFailure } = given.db.names;
    for (let n = 0; n < 4; n += 1) await expect(fail()).rejects.toMatchObject({ code: 'E_LOGIN' });
    await people.withPassword('alice', PASSWORD, from('192.0.2.1'));
    expect(await given.session.rows(`SELECT 1 FROM ${loginFailure}`)).toEqual([]);
    for (let n = 0; n < 5; n += 1) await expect(fail()).rejects.toMatchObject({ code: 'E_LOGIN' });
    await given.session.write(`UPDATE ${loginFailure} SET at = at - INTERVAL 899 SECOND`);
    await expect(logIn().withPassword('alice', PASSWORD, from('192.0.2.1'))).rejects.toMatchObject({
      code: 'E_LOCKED',
    });
    await given.session.write(`UPDATE ${loginFailure} SET at = at - INTERVAL 2 SECOND`);
    expect(await logIn().withPassword('alice', PASSWORD, from('192.0.2.1'))).toHaveLength(43);
    await given.session.write(
      `INSERT INTO ${loginFailure} (name_hash, network, at) VALUES (REPEAT('x', 32), 'n', UTC_TIMESTAMP(3) - INTERVAL 1 DAY)`,
    );
    await expect(fail()).rejects.toMatchObject({ code: 'E_LOGIN' });
    expect(await given.session.rows(`SELECT 1 FROM ${loginFailure} WHERE network = 'n'`)).toEqual([]);
  });

  it('lock out an address that tries many names, and a name that is tried at many addresses', async () => {
    await user('alice', 'viewer');
    const people = logIn();
    for (let n = 0; n < 20; n += 1)
      await expect(people.withPassword(`user${n}`, 'x', from('192.0.2.1'))).rejects.toMatchObject({ code: 'E_LOGIN' });
    await expect(people.withPassword('alice', PASSWORD, from('192.0.2.1'))).rejects.toMatchObject({ code: 'E_LOCKED' });
    await people.withPassword('alice', PASSWORD, from('192.0.2.2'));
    for (let n = 0; n < 50; n += 1)
      await expect(people.withPassword('alice', 'x', from(`198.51.100.${n}`))).rejects.toMatchObject({
        code: 'E_LOGIN',
      });
    await expect(people.withPassword('alice', PASSWORD, from('192.0.2.3'))).rejects.toMatchObject({ code: 'E_LOCKED' });
  });

  it('count each other when they come at one moment', async () => {
    await user('alice', 'viewer');
    const { requests } = (await start()).gateway;
    const hasher = new PasswordHasher(CHEAP);
    const people = new LogIn(
      (work) => requests.use(work),
      hasher,
      () => {},
    );
    const ends = await Promise.allSettled(
      Array.from({ length: 40 }, () => people.withPassword('alice', bad.password, from('192.0.2.1'))),
    );
    const codes = ends.map((one) => (one.status === 'rejected' ? one.reason.code : 'signed in'));
    expect(codes.filter((code) => !['E_LOGIN', 'E_LOCKED', 'E_TEMPORARY'].includes(code))).toEqual([]);
    expect(hasher.made).toBeLessThanOrEqual(5);
  });

  it('say nothing of whether there is such a user, and take the same work', async () => {
    await user('alice', 'viewer');
    const hasher = new PasswordHasher(CHEAP);
    const people = logIn(hasher);
    const said: unknown[] = [];
    for (const name of ['alice', 'nobody']) {
      const before = hasher.made;
      const end = await people.withPassword(name, bad.password, from('192.0.2.1')).catch((error) => error);
      said.push([end.code, end.message, end.data, hasher.made - before]);
    }
    expect(said[0]).toEqual(said[1]);
    expect(said[0]).toEqual(['E_LOGIN', expect.any(String), {}, 1]);
  });
});

describe('every answer', () => {
  it('says to browsers that nothing in it is run, framed, sniffed or read by other sites', async () => {
    const gateway = await start();
    for (const path of ['/healthz', '/docs', '/openapi.json', '/api/v1/tasks', '/api/v1/session', '/nothing']) {
      const { headers } = await fetch(gateway.url + path);
      expect([path, headers.get('content-security-policy')]).toEqual([
        path,
        expect.stringContaining("default-src 'none'"),
      ]);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('cache-control')).toMatch(path.startsWith('/api') ? /no-store/ : /./);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    const { text } = await keyOf('viewer');
    const stop = new AbortController();
    const events = await fetch(`${gateway.url}/api/v1/events`, {
      ...{ headers: { authorization: `Bearer ${text}` }, signal: stop.signal },
    });
    expect(events.headers.get('x-content-type-options')).toBe('nosniff');
    stop.abort();
    const preflight = await fetch(`${gateway.url}/api/v1/tasks`, {
      ...{ method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } },
    });
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});
