// What a gateway remembers of requests: the audit log and the access log.
import { describe, expect } from 'vitest';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Role } from '../../../src/core/domain/access/role.ts';
import { auditAnswer } from '../../../src/http/access/audit-contract.ts';
import { taskAnswer } from '../../../src/http/task-contract.ts';
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

const secret = `whsec_${Buffer.alloc(32, 'c').toString('base64')}`;

describe('RB16 over HTTP', () => {
  it('each act of an operator or administrator has its row, with key, address, request and reason', async () => {
    const gateway = await start();
    const admin = await keyOf('admin');
    const cancelled = await given.rows.task({});
    await given.rows.device({ device_id: 'w1' });
    const { task_id: running } = await given.rows.running('w1');
    const failed = await given.rows.task({ status: 'failed', attempt: 1 });
    const act = (method: string, path: string, body?: object) => call(gateway, method, path, admin.headers, body);
    const acts: Array<[string, string, object | undefined, string]> = [
      ['POST', `/tasks/${cancelled}/cancel`, { reason: 'not needed' }, `tasks.cancel task:${cancelled} done`],
      ['POST', `/tasks/${running}/cancel`, {}, `tasks.cancel task:${running} asked`],
      ['POST', `/tasks/${running}/cancel`, {}, ''],
      ['POST', `/tasks/${failed}/retry`, {}, `tasks.retry task:${failed} done`],
      ['POST', `/tasks/${failed}/reassign`, {}, `tasks.reassign task:${failed} done`],
      ['POST', '/devices/w1/pause', {}, 'devices.pause device:w1 done'],
      ['POST', '/devices/w1/pause', {}, ''],
      ['POST', '/devices/w1/drain', {}, 'devices.drain device:w1 done'],
      ['POST', '/devices/w1/resume', {}, 'devices.resume device:w1 done'],
      ['POST', '/devices/w1/remove', { force: true }, 'devices.remove device:w1 done'],
      ['PUT', '/settings', { values: { 'master.task_timeout': 77 } }, 'settings.set setting:master.task_timeout done'],
      ['PUT', '/settings', { values: { 'master.task_timeout': 77 } }, ''],
    ];
    for (const [method, path, body] of acts) await act(method, path, body);
    const expected = acts.map(([, , , row]) => row).filter((row) => row !== '');
    const hook = (await act('POST', '/webhooks', { url: 'https://example.org/', secret })).webhook.webhook_id;
    const sent = (await act('POST', `/webhooks/${hook}/test`)).delivery.delivery_id;
    const redeliver = () => act('POST', `/webhooks/${hook}/deliveries/${sent}/redeliver`);
    // It is pending: nothing is changed.
    await redeliver();
    const { names } = given.db;
    await given.session.write(`UPDATE ${names.webhookDelivery} SET status = 'failed', next_try_at = NULL`);
    await redeliver();
    await act('PATCH', `/webhooks/${hook}`, { active: false });
    await act('POST', `/webhooks/${hook}/secret`, {});
    await act('DELETE', `/webhooks/${hook}`);
    for (const one of ['add', 'test', 'redeliver', 'change', 'secret', 'remove'])
      expected.push(`webhooks.${one} webhook:${hook} done`);
    const made = await act('POST', '/keys', { name: 'x', role: 'viewer' });
    const rotated = await act('POST', `/keys/${made.key.key_id}/rotate`, {});
    const revoked = await act('POST', `/keys/${made.key.key_id}/revoke`, {});
    expected.push(`keys.create key:${made.key.key_id} done`, `keys.rotate key:${made.key.key_id} done`);
    expected.push(`keys.create key:${rotated.key.key_id} done`, `keys.revoke key:${made.key.key_id} done`);
    const listed = await call(gateway, 'GET', `/audit?actor=key:${admin.id}`, admin.headers);
    expectDescribed(auditAnswer, listed);
    // biome-ignore lint/suspicious/noExplicitAny: compared with the schema above
    const rows = (listed.rows as any[]).reverse();
    expect(rows.map((row) => `${row.action} ${row.object_type}:${row.object_id} ${row.outcome}`)).toEqual(expected);
    expect(new Set(rows.map((row) => row.source))).toEqual(new Set(['203.0.113.9']));
    expect(rows[0]).toMatchObject({ actor: `key:${admin.id}`, reason: 'not needed' });
    expect(rows[0].before_hash).not.toBe(rows[0].after_hash);
    expect(rows.at(-1).request_id).toBe(revoked.request_id);
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
    const since = encodeURIComponent(rows.at(-1).at);
    const found = await call(gateway, 'GET', `/audit?since=${since}&object_type=key`, admin.headers);
    expect(found.rows[0]).toMatchObject({ id: rows.at(-1).id, action: 'keys.revoke' });
  });

  it('an act on many tasks is a row for each, with the id of its request', async () => {
    const gateway = await start();
    const operator = await keyOf('operator');
    for (let n = 0; n < 3; n += 1) await given.rows.task({ status: 'failed', attempt: 1 });
    const preview = await call(gateway, 'POST', '/tasks/preview', operator.headers, {
      ...{ act: 'retry', filter: { status: ['failed'] }, reason: 'the shop is back' },
    });
    const acted = await call(gateway, 'POST', '/tasks/acts', operator.headers, { token: preview.token, limit: 100 });
    expect(acted.done).toBe(3);
    const rows = await given.session.rows(
      `SELECT reason, request_id FROM ${given.db.names.auditLog} WHERE action = 'tasks.retry'`,
    );
    expect(rows).toEqual(Array(3).fill({ reason: 'the shop is back', request_id: acted.request_id }));
  });

  it('a task names who acted on it to those who may read the log, and says to others that it does not', async () => {
    const gateway = await start();
    const [admin, viewer] = [await keyOf('admin'), await keyOf('viewer')];
    const id = await given.rows.task({});
    await call(gateway, 'POST', `/tasks/${id}/cancel`, admin.headers, { reason: 'not needed' });
    const { task } = await call(gateway, 'GET', `/tasks/${id}`, admin.headers);
    expect(task).toMatchObject({ attempts: [], more_acts: false, acts_note: null });
    const [act] = task.acts;
    expect(act).toMatchObject({ actor: `key:${admin.id}`, source: '203.0.113.9', action: 'tasks.cancel' });
    expect(act).toMatchObject({ reason: 'not needed', outcome: 'done', request_id: expect.any(String) });
    const seen = await call(gateway, 'GET', `/tasks/${id}`, viewer.headers);
    expectDescribed(taskAnswer, seen);
    const acts_note = 'not shown: the role viewer may not read the audit log';
    expect(seen.task).toMatchObject({ acts: null, acts_note });
    expect(JSON.stringify(seen.task)).not.toContain('203.0.113.9');
  });

  it('no secret, and no key, is in the log or can be recognised by a hash of it', async () => {
    const gateway = await start();
    const admin = await keyOf('admin');
    await call(gateway, 'POST', '/webhooks', admin.headers, { url: 'https://example.org/', secret });
    await call(gateway, 'POST', '/tasks/preview', admin.headers, { act: 'cancel', filter: {} });
    const id = await given.rows.task({});
    await call(gateway, 'POST', `/tasks/${id}/cancel`, admin.headers, { reason: 'mysql://u:canary-word@host/x' });
    const text = JSON.stringify(await given.session.rows(`SELECT * FROM ${given.db.names.auditLog}`));
    for (const one of ['canary-word', secret, admin.text]) expect(text).not.toContain(one);
    expect(text).toContain('mysql://u:***@host/x');
  });
});

describe('the access log', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a line may have any field
  const lines = (gateway: TestGateway): any[] =>
    gateway.lines.map((line) => JSON.parse(line)).filter((line) => line.event === 'http:request');
  const linesOf = async (gateway: TestGateway, n: number) => {
    await until(async () => lines(gateway).length >= n, undefined, `${n} lines`);
    return lines(gateway);
  };

  it('has a line for each request: the route instead of the URL, the key, the client behind a trusted proxy', async () => {
    const gateway = await start({ access_log: true });
    const viewer = await keyOf('viewer');
    const { headers } = await gateway.call('/api/v1/tasks?username=canary-user&limit=3', undefined, {
      headers: viewer.headers,
    });
    await gateway.call('/api/v1/tasks/424242', undefined, { headers: viewer.headers });
    await gateway.call('/canary-path/%0aINFO?canary-query', undefined, { headers: { 'user-agent': 'canary-agent' } });
    await gateway.call('/healthz');
    const found = await linesOf(gateway, 4);
    expect(found).toMatchObject([
      {
        ...{ level: 'info', method: 'GET', route: '/api/v1/tasks', status: 200, key_id: viewer.id },
        ...{ address: '203.0.113.9', request_id: headers.get('x-request-id'), ms: expect.any(Number) },
      },
      { route: '/api/v1/tasks/:task_id', status: 404, code: 'E_NOT_FOUND' },
      { route: null, status: 404, key_id: null, address: '127.0.0.1', message: 'GET no route 404' },
      { route: '/healthz', status: 200 },
    ]);
    for (const one of found) expect(one.bytes).toBeGreaterThan(100);
    const text = gateway.lines.join('');
    for (const one of ['canary', '424242', viewer.text]) expect(text).not.toContain(one);
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
    await gateway.call('/api/v1/tasks');
    const found = await linesOf(gateway, 4);
    expect(found.map(({ status, code, key_id, route }) => [status, code, key_id, route])).toEqual([
      [401, 'E_KEY', null, '/api/v1/tasks'],
      [403, 'E_ROLE', viewer.id, '/api/v1/keys'],
      [403, 'E_ROLE', device.id, '/api/v1/devices/:device_id/heartbeat'],
      [401, 'E_KEY', null, '/api/v1/tasks'],
    ]);
  });

  it('names the key that was refused, and a client that did not wait', async () => {
    const gateway = await start({ access_log: true });
    const viewer = await keyOf('viewer');
    await given.session.write(`UPDATE ${given.db.names.apiKey} SET revoked_at = UTC_TIMESTAMP(3)`);
    await gateway.call('/api/v1/tasks', undefined, { headers: viewer.headers });
    expect((await linesOf(gateway, 1))[0]).toMatchObject({ status: 401, key_id: null, refused_key_id: viewer.id });
    const admin = await keyOf('admin');
    const stop = new AbortController();
    const stream = await fetch(`${gateway.url}/api/v1/events`, { headers: admin.headers, signal: stop.signal });
    expect(stream.status).toBe(200);
    stop.abort();
    expect((await linesOf(gateway, 2))[1]).toMatchObject({ route: '/api/v1/events', status: 200, cut: true });
  });
});
