// Who may do what over HTTP.
import { afterEach, describe, expect } from 'vitest';
import { newApiKey } from '../../../src/core/access/api-key.ts';
import { KeyCheck } from '../../../src/core/access/key-check.ts';
import { endKey } from '../../../src/core/access/manage-keys.ts';
import { mayAccess, ROLES, type Role } from '../../../src/core/domain/access/role.ts';
import { accessOf } from '../../../src/http/operations/access.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type Access, bearer, eachWithAccess, type Headers } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { examplesOf } from '../../helpers/http-examples.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';

let { given, context, start, user, keyOf } = {} as Access;
let gateway: TestGateway;
eachWithAccess((opened) => ({ given, context, start, user, keyOf } = opened));
it.beforeEach(async () => {
  gateway = await start();
});

const get = (path: string, headers: Headers = {}) => gateway.call(`/api/v1${path}`, undefined, { headers });
const post = (path: string, headers: Headers, body: unknown = {}) => gateway.call(`/api/v1${path}`, body, { headers });

describe('RB6 each operation with each role', () => {
  const examples = examplesOf(readProjectFile('docs/reference/http.md') ?? '');

  // Some operations hash passwords, on purpose slowly.
  it('is carried out or refused as docs/reference/http.md says', { timeout: 300_000 }, async () => {
    await user('alice', 'viewer');
    const keys: Array<[Role | undefined, Headers]> = [[undefined, {}]];
    for (const role of ROLES) keys.push([role, (await keyOf(role)).headers]);
    // The device exists last: until then no call of a device waits for anything.
    const ordered = [...examples].sort((a, b) => Number(a.id === 'registerDevice') - Number(b.id === 'registerDevice'));
    for (const { id, method, path, headers, body } of ordered) {
      for (const [role, key] of keys) {
        const stop = new AbortController();
        const init = { method, headers: { ...headers, ...key }, signal: stop.signal };
        const response = await fetch(gateway.url + path, body === undefined ? init : { ...init, body });
        const refused = response.status === 401 ? 'E_KEY' : response.status === 403 ? 'E_ROLE' : undefined;
        const allowed = mayAccess(role, accessOf(id));
        const expected = allowed ? undefined : role === undefined ? 'E_KEY' : 'E_ROLE';
        expect([id, role, refused]).toEqual([id, role, expected]);
        if (refused !== undefined) expect(await response.json()).toMatchObject({ code: expected });
        stop.abort();
      }
    }
  });
});

describe('a key', () => {
  it('is made, listed without its text, replaced with an overlap, and revoked', async () => {
    const admin = (await keyOf('admin')).headers;
    const { key, text, by } = (await post('/keys', admin, { name: 'page', role: 'viewer', lifetime: 259_200 })).json;
    expect(by).toMatch(/^key \w{8} \(a admin\)$/);
    expect(key).toMatchObject({ name: 'page', role: 'viewer', active: true, created_by: by, last_used_at: null });
    for (const headers of [bearer(text), { 'x-api-key': text }])
      expect((await get('/tasks', headers)).status).toBe(200);
    const listed = await get('/keys', admin);
    expect(listed.json.keys).toHaveLength(2);
    expect(JSON.stringify(listed.json)).not.toContain(text.split('_')[2]);
    const path = `/keys/${key.key_id}`;
    const rotated = await post(`${path}/rotate`, admin, { overlap: 60 });
    expect(rotated.json.key).toMatchObject({ name: 'page', role: 'viewer', active: true });
    expect(Date.parse(rotated.json.old.expires_at)).toBeLessThan(Date.parse(rotated.json.now) + 61_000);
    for (const one of [rotated.json.text, text]) expect((await get('/tasks', bearer(one))).status).toBe(200);
    const ended = (await post(`${path}/revoke`, admin)).json.key;
    expect(ended).toMatchObject({ active: false, revoked_at: expect.any(String) });
    expect((await post(`${path}/revoke`, admin)).json.key.revoked_at).toBe(ended.revoked_at);
    expect((await post(`${path}/rotate`, admin)).status).toBe(409);
    expect((await post('/keys/aaaaaaaa/rotate', admin)).status).toBe(404);
    expect((await post('/keys', admin, { name: 'x', role: 'viewer', device_id: 'w1' })).status).toBe(400);
  });

  it('RB5 cannot be made from what the database has', async () => {
    const { text, key } = await keyOf('admin');
    const [row] = await given.session.rows(`SELECT * FROM ${given.db.names.apiKey}`);
    expect(Object.values(row!).map(String).join()).not.toContain(text.split('_')[2]);
    const hash = (row!.key_hash as Buffer).toString('hex');
    for (const guess of [hash, `afd_${key.key_id}_${hash}`])
      expect(await get('/keys', bearer(guess))).toMatchObject({ status: 401 });
  });

  it('that is none, or is none any more, is refused with the reason', async () => {
    const { text } = await keyOf('viewer');
    const [expired, gone] = [await keyOf('viewer'), await keyOf('viewer')];
    await given.session.write(
      `UPDATE ${given.db.names.apiKey} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE key_id = ?`,
      [expired.key.key_id],
    );
    await endKey(context, gone.key.key_id, actor());
    const cases: Array<[Headers, RegExp]> = [
      [{}, /has no API key/],
      [bearer('x'.repeat(300)), /not complete/],
      [{ authorization: `Basic ${text}` }, /not complete/],
      [bearer(newApiKey().text), /not known/],
      [expired.headers, /expired at/],
      [gone.headers, /was revoked at/],
    ];
    for (const [headers, detail] of cases) {
      const { json, headers: answered } = await get('/tasks', headers);
      expect(json).toMatchObject({ status: 401, code: 'E_KEY', detail: expect.stringMatching(detail) });
      expect(answered.get('www-authenticate')).toBe('Bearer realm="afd"');
    }
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    expect((await get('/nothing')).status).toBe(404);
  });

  it('of a device is for that device, whichever part of the request names it', async () => {
    const { headers } = await keyOf('device', 'w1');
    for (const [ask, own] of [
      [(device_id: string) => post('/devices/register', headers, { device_id, capabilities: {} }), 200],
      [(id: string) => get(`/tasks/next?device_id=${id}`, headers), 204],
      [(id: string) => post(`/devices/${id}/heartbeat`, headers), 200],
      [(device_id: string) => post('/tasks/1/result', headers, { device_id, status: 'completed' }), 409],
    ] as const)
      expect([(await ask('w1')).status, (await ask('w2')).status]).toEqual([own, 403]);
  });
});

describe('a remote worker', () => {
  afterEach(stopWorkers);
  const worker = (api_key: string) =>
    startWorker(given.db, {
      ...{ gateways: [gateway.url], deviceId: 'w1', mode: 'drain', master: { api_key } },
      handlers: { sync_data: async () => ({ ok: true }) },
    });

  it('sends the key of its device, and ends with the reason when it is not the right one', async () => {
    const id = await given.rows.task();
    await worker((await keyOf('device', 'w1')).text).ended;
    expect(await given.rows.readTask(id)).toMatchObject({ status: 'done' });
    await expect(worker((await keyOf('device', 'w2')).text).ended).rejects.toMatchObject({
      code: 'E_ROLE',
      exitCode: 4,
    });
    await expect(worker('your-api-key').ended).rejects.toMatchObject({ code: 'E_KEY', exitCode: 4 });
  });
});

describe('what a gateway knows of keys', () => {
  const known = { now: 0, reads: 0, warnings: [] as string[] };
  let check: KeyCheck;
  it.beforeEach(() => {
    Object.assign(known, { now: 0, reads: 0, warnings: [] });
    const use: ConstructorParameters<typeof KeyCheck>[0] = (work) => {
      known.reads += 1;
      return work(context);
    };
    const warn = (sentence: string) => known.warnings.push(sentence);
    check = new KeyCheck(use, warn, () => known.now);
  });

  it('is asked again after five seconds, so a key that was revoked is refused by then', async () => {
    const { text, key } = await keyOf('viewer');
    for (let n = 0; n < 10; n += 1) expect(await check.check(text)).toMatchObject({ key: { key_id: key.key_id } });
    await endKey(context, key.key_id, actor());
    known.now = 4999;
    expect(await check.check(text)).toHaveProperty('key');
    known.now = 5000;
    expect(await check.check(text)).toEqual({ refusal: expect.stringContaining('was revoked') });
    expect(known.reads).toBe(2);
    // It had a day left.
    expect(known.warnings).toEqual([expect.stringContaining(`(a viewer) is in use and ends at ${key.expires_at}`)]);
  });

  it('is read together: a fleet that comes back is let in at once, and invented keys cost the database little', async () => {
    const fleet: string[] = [];
    for (let n = 0; n < 20; n += 1) fleet.push((await keyOf('device', `d${n}`)).text);
    const invented = Array.from({ length: 2000 }, () => newApiKey().text);
    const checked = await Promise.all([...invented, ...fleet].map((text) => check.check(text)));
    expect(checked.map((one) => 'key' in one)).toEqual([...Array(2000).fill(false), ...Array(20).fill(true)]);
    expect(known.reads).toBe(5);
    const unused = `SELECT 1 FROM ${given.db.names.apiKey} WHERE last_used_at IS NULL`;
    expect(await given.session.rows(unused)).toEqual([]);
  });
});
