// Webhooks over HTTP. The shapes of the answers: http-page.test.ts; which addresses: test/unit/core/webhooks/allowed-address.test.ts.
import { describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';

let { session, names, send, count } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, send, count } = opened));

const call = (method: string, path = '', body?: unknown, headers = {}) =>
  send(method, `/webhooks${path}`, body, headers);
const url = 'https://hooks.example.com/afd';
const added = async (body: Record<string, unknown> = {}) => (await call('POST', '', { url, ...body })).json;
const missing = { status: 404, json: { code: 'E_NOT_FOUND' } };

describe('a webhook', () => {
  it('is added, shown without its secret, changed, and removed', async () => {
    const given = { url, event_types: ['task.failed'], task_types: ['sync_data'] };
    const { webhook, secret, by } = await added(given);
    expect(secret).toMatch(/^whsec_.{44}$/);
    expect(webhook).toMatchObject({ ...given, active: true, created_by: by });
    const path = `/${webhook.webhook_id}`;
    const [shown, listed] = [(await call('GET', path)).json, (await call('GET')).json];
    expect([shown.webhook, listed.webhooks]).toEqual([webhook, [webhook]]);
    expect(JSON.stringify([shown, listed])).not.toContain('whsec_');
    const changed = (await call('PATCH', path, { active: false, task_types: null })).json.webhook;
    expect(changed).toEqual({ ...webhook, active: false, task_types: null });
    expect((await call('PATCH', path, {})).json.webhook).toEqual(changed);
    expect(await call('POST', `${path}/test`)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    const made = (await call('POST', `${path}/secret`)).json;
    expect([made.secret === secret, made.webhook.former_secret_until]).toEqual([false, expect.any(String)]);
    expect((await call('POST', `${path}/secret`, { secret })).json.secret).toBe(secret);
    expect((await call('POST', `${path}/secret`, { secret: 'hunter2' })).json.code).toBe('E_USAGE');
    expect((await call('DELETE', path)).status).toBe(200);
    for (const [method, of, body] of [
      ['GET', path],
      ['DELETE', path],
      ['PATCH', path, { active: true }],
      ['POST', `${path}/secret`],
      ['GET', `${path}/deliveries`],
    ] as const)
      expect(await call(method, of, body)).toMatchObject(missing);
  });

  it.each([
    { url: 'http://hooks.example.com/' },
    { url: 'https://127.0.0.1/' },
    { event_types: [] },
    { event_types: ['task.born'] },
    { task_types: [] },
    { secret: 'short' },
    { colour: 'red' },
  ])('is refused with what is wrong: %j', async (body) => {
    expect(await added(body)).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.any(String) });
    expect(await count(names.webhook)).toBe(0);
  });

  it('is one of at most 100', async () => {
    for (let n = 0; n < 100; n += 1) await added();
    expect(await added()).toMatchObject({ status: 409, code: 'E_CONFLICT' });
  });
});

describe('the deliveries of a webhook', () => {
  it('are its own: listed newest first, part by part, by status, shown, and sent again', async () => {
    const [id, other] = [(await added()).webhook.webhook_id, (await added()).webhook.webhook_id];
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await call('POST', `/${id}/test`)).json.delivery.delivery_id);
    await session.write(
      `UPDATE ${names.webhookDelivery} SET status = 'failed', next_try_at = NULL, tries = 11 WHERE id IN (?)`,
      [ids.slice(0, 2)],
    );
    const idsOf = (json: { deliveries: Array<{ delivery_id: string }> }) =>
      json.deliveries.map((one) => one.delivery_id);
    const list = async (query: string) => (await call('GET', `/${id}/deliveries?${query}`)).json;
    const first = await list('limit=3');
    const second = await list(`limit=3&cursor=${first.cursor}`);
    expect([...idsOf(first), ...idsOf(second), second.cursor]).toEqual([...ids, null]);
    expect([idsOf(await list('status=failed')), idsOf(await list('status=pending'))]).toEqual([
      ...[ids.slice(0, 2), ids.slice(2)],
    ]);
    expect((await list(`status=failed&cursor=${first.cursor}`)).status).toBe(400);
    const one = `/deliveries/${ids[0]}`;
    const again = (await call('POST', `/${id}${one}/redeliver`)).json.delivery;
    expect(again).toMatchObject({ status: 'pending', tries: 0, message_id: `msg_${ids[0]}` });
    const { body } = (await call('GET', `/${id}${one}`)).json.delivery;
    expect(JSON.parse(body)).toMatchObject({ type: 'webhook.test', data: { webhook_id: id } });
    expect(await call('GET', `/${other}${one}`)).toMatchObject(missing);
    expect(await call('POST', `/${other}${one}/redeliver`)).toMatchObject(missing);
    expect((await call('GET', `/${other}/deliveries`)).json.deliveries).toEqual([]);
  });
});
