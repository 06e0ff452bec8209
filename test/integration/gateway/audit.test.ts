// What a gateway remembers of requests: the audit log and the access log.
import { describe, expect } from 'vitest';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Role } from '../../../src/core/domain/access/role.ts';
import { auditAnswer } from '../../../src/http/access/audit-contract.ts';
import { type Access, bearer, eachWithAccess, type Headers } from '../../helpers/access.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

let { given, context, start: startWith, keyOf: newKey } = {} as Access;
eachWithAccess((opened) => ({ given, context, start: startWith, keyOf: newKey } = opened));

const start = (server: object = {}) => startWith({ trusted_proxies: ['127.0.0.1'], ...server });
const keyOf = async (role: Role, device_id?: string) => {
  const { key, text, headers } = await newKey(role, device_id);
  return { id: key.key_id, text, headers: { ...headers, 'x-forwarded-for': '203.0.113.9' } };
};
const call = async (gateway: TestGateway, method: string, path: string, headers: Headers, body?: object) => {
  const answer = await gateway.call(`/api/v1${path}`, body, { method, headers });
  expect(answer.status, JSON.stringify(answer.json)).toBeLessThan(300);
  return answer.json;
};

describe('RB16 over HTTP', () => {
  it('each act of an operator or administrator has its row, with key, address, request and reason, and no secret', async () => {
    const gateway = await start();
    const admin = await keyOf('admin');
    const act = (method: string, path: string, body?: object) => call(gateway, method, path, admin.headers, body);
    const cancelled = await given.rows.task({});
    await given.rows.device({ device_id: 'w1' });
    const { task_id: running } = await given.rows.running('w1');
    const failed = await given.rows.task({ status: 'failed', attempt: 1 });
    const settings = { values: { 'master.task_timeout': 77 } };
    const secret = `whsec_${Buffer.alloc(32, 'c').toString('base64')}`;
    /** What changes nothing has no row. */
    const acts: Array<[method: string, path: string, body?: object | undefined, row?: string]> = [
      [
        'POST',
        `/tasks/${cancelled}/cancel`,
        { reason: 'mysql://u:canary-word@host/x' },
        `tasks.cancel task:${cancelled} done`,
      ],
      ['POST', `/tasks/${running}/cancel`, {}, `tasks.cancel task:${running} asked`],
      ['POST', `/tasks/${running}/cancel`, {}],
      ['POST', `/tasks/${failed}/retry`, {}, `tasks.retry task:${failed} done`],
      ['POST', `/tasks/${failed}/reassign`, {}, `tasks.reassign task:${failed} done`],
      ['POST', '/devices/w1/pause', {}, 'devices.pause device:w1 done'],
      ['POST', '/devices/w1/pause', {}],
      ['POST', '/devices/w1/drain', {}, 'devices.drain device:w1 done'],
      ['POST', '/devices/w1/resume', {}, 'devices.resume device:w1 done'],
      ['POST', '/devices/w1/remove', { force: true }, 'devices.remove device:w1 done'],
      ['PUT', '/settings', settings, 'settings.set setting:master.task_timeout done'],
      ['PUT', '/settings', settings],
      ['POST', '/webhooks', { url: 'https://example.org/', secret }, 'webhooks.add webhook:HOOK done'],
      ['POST', '/webhooks/HOOK/test', undefined, 'webhooks.test webhook:HOOK done'],
      ['POST', '/webhooks/HOOK/deliveries/SENT/redeliver'],
      ['PATCH', '/webhooks/HOOK', { active: false }, 'webhooks.change webhook:HOOK done'],
      ['POST', '/webhooks/HOOK/secret', {}, 'webhooks.secret webhook:HOOK done'],
      ['DELETE', '/webhooks/HOOK', undefined, 'webhooks.remove webhook:HOOK done'],
    ];
    let [hook, sent] = ['', ''];
    for (const [method, path, body] of acts) {
      const { webhook, delivery } = await act(method, path.replace('HOOK', hook).replace('SENT', sent), body);
      [hook, sent] = [webhook?.webhook_id ?? hook, delivery?.delivery_id ?? sent];
    }
    const expected = acts.flatMap(([, , , row]) => row?.replace('HOOK', hook) ?? []);
    const made = (await act('POST', '/keys', { name: 'x', role: 'viewer' })).key.key_id;
    const rotated = (await act('POST', `/keys/${made}/rotate`, {})).key.key_id;
    const revoked = await act('POST', `/keys/${made}/revoke`, {});
    expected.push(`keys.create key:${made} done`, `keys.rotate key:${made} done`);
    expected.push(`keys.create key:${rotated} done`, `keys.revoke key:${made} done`);
    const listed = await act('GET', `/audit?actor=key:${admin.id}`);
    expectDescribed(auditAnswer, listed);
    // biome-ignore lint/suspicious/noExplicitAny: compared with the schema above
    const rows = (listed.rows as any[]).reverse();
    expect(rows.map((row) => `${row.action} ${row.object_type}:${row.object_id} ${row.outcome}`)).toEqual(expected);
    expect(new Set(rows.map((row) => row.source))).toEqual(new Set(['203.0.113.9']));
    expect(rows[0]).toMatchObject({ actor: `key:${admin.id}`, reason: 'mysql://u:***@host/x' });
    expect(rows[0].before_hash).not.toBe(rows[0].after_hash);
    expect(rows.at(-1).request_id).toBe(revoked.request_id);
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
    const found = await act('GET', `/audit?since=${encodeURIComponent(rows.at(-1).at)}&object_type=key`);
    expect(found.rows[0]).toMatchObject({ id: rows.at(-1).id, action: 'keys.revoke' });
    const text = JSON.stringify(await given.session.rows(`SELECT * FROM ${given.db.names.auditLog}`));
    for (const one of ['canary-word', secret, admin.text]) expect(text).not.toContain(one);
  });

  it('an act on many tasks is a row for each, with the id of its request', async () => {
    const gateway = await start();
    const { headers } = await keyOf('operator');
    for (let n = 0; n < 3; n += 1) await given.rows.task({ status: 'failed', attempt: 1 });
    const preview = { act: 'retry', filter: { status: ['failed'] }, reason: 'the shop is back' };
    const { token } = await call(gateway, 'POST', '/tasks/preview', headers, preview);
    const { request_id } = await call(gateway, 'POST', '/tasks/acts', headers, { token, limit: 100 });
    const rows = await given.session.rows(`SELECT action, reason, request_id FROM ${given.db.names.auditLog}`);
    expect(rows.slice(-3)).toEqual(Array(3).fill({ action: 'tasks.retry', reason: 'the shop is back', request_id }));
  });
});

describe('the access log', () => {
  const linesOf = async (gateway: TestGateway, n: number) => {
    const lines = () => gateway.lines.map((line) => JSON.parse(line)).filter((line) => line.event === 'http:request');
    return until(() => lines().length >= n && lines(), undefined, `${n} lines`);
  };

  it('has a line for each request: the route instead of the URL, the key, the client behind a trusted proxy', async () => {
    const gateway = await start({ access_log: true });
    const { id, text, headers } = await keyOf('viewer');
    const ask = (path: string, more: RequestInit = { headers }) => gateway.call(path, undefined, more);
    const { headers: answered } = await ask('/api/v1/tasks?username=canary-user&limit=3');
    await ask('/api/v1/tasks/424242');
    await ask('/canary-path/%0aINFO?canary-query', { headers: { 'user-agent': 'canary-agent' } });
    const stop = new AbortController();
    await fetch(`${gateway.url}/api/v1/events`, { headers, signal: stop.signal });
    stop.abort();
    const found = await linesOf(gateway, 4);
    expect(found).toMatchObject([
      {
        ...{ level: 'info', method: 'GET', route: '/api/v1/tasks', status: 200, key_id: id, address: '203.0.113.9' },
        ...{ request_id: answered.get('x-request-id'), ms: expect.any(Number) },
      },
      { route: '/api/v1/tasks/:task_id', status: 404, code: 'E_NOT_FOUND' },
      { route: null, status: 404, key_id: null, address: '127.0.0.1', message: 'GET no route 404' },
      // The client did not wait.
      { route: '/api/v1/events', status: 200, cut: true },
    ]);
    for (const one of found) expect(one.bytes).toBeGreaterThan(100);
    for (const one of ['canary', '424242', text]) expect(gateway.lines.join('')).not.toContain(one);
  });

  it('has requests whose key was refused, and those of a role that may not, even where the others are not logged', async () => {
    const gateway = await start();
    const viewer = await keyOf('viewer');
    const device = await keyOf('device', 'w1');
    const ask = (path: string, text: string, body?: object) =>
      gateway.call(`/api/v1${path}`, body, { headers: bearer(text) });
    await ask('/tasks', viewer.text);
    await ask('/tasks', `${viewer.text}x`);
    await ask('/keys', viewer.text);
    await ask('/devices/w2/heartbeat', device.text, { device_id: 'w2', status: 'online', current_tasks: 0 });
    const gone = await keyOf('viewer');
    await given.session.write(`UPDATE ${given.db.names.apiKey} SET revoked_at = UTC_TIMESTAMP(3)`);
    await ask('/tasks', gone.text);
    const found = await linesOf(gateway, 4);
    expect(found.map(({ status, key_id, refused_key_id, route }) => [status, key_id ?? refused_key_id, route])).toEqual(
      [
        [401, undefined, '/api/v1/tasks'],
        [403, viewer.id, '/api/v1/keys'],
        [403, device.id, '/api/v1/devices/:device_id/heartbeat'],
        [401, gone.id, '/api/v1/tasks'],
      ],
    );
  });
});
