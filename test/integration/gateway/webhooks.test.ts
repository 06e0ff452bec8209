// Webhooks over HTTP.
import { afterEach, describe, expect } from 'vitest';
import {
  changedAnswer,
  deliveriesAnswer,
  deliveryAnswer,
  removedAnswer,
  secretAnswer,
  webhookAnswer,
  webhooksAnswer,
} from '../../../src/http/webhook-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

let gateway: TestGateway;
it.beforeEach(async ({ given }) => {
  gateway = await startGateway(given.db);
});
afterEach(stopGateways);

const call = (method: string, path = '', body?: unknown, headers = {}) =>
  gateway.call(`/api/v1/webhooks${path}`, body, { method, headers });
const url = 'https://hooks.example.com/afd';

async function added(body: Record<string, unknown> = {}) {
  const { status, json } = await call('POST', '', { url, ...body });
  expect(status, JSON.stringify(json)).toBe(201);
  expectDescribed(secretAnswer, json);
  return json;
}

describe('a webhook', () => {
  it('is added, shown without its secret, changed, and removed', async () => {
    const { webhook, secret, by } = await added({ event_types: ['task.failed'], task_types: ['sync_data'] });
    expect(secret).toMatch(/^whsec_.{44}$/);
    expect(webhook).toMatchObject({
      url,
      active: true,
      event_types: ['task.failed'],
      task_types: ['sync_data'],
      created_by: by,
    });
    const id = webhook.webhook_id;
    const shown = await call('GET', `/${id}`);
    expectDescribed(webhookAnswer, shown.json);
    expect(shown.json.webhook).toEqual(webhook);
    const listed = await call('GET');
    expectDescribed(webhooksAnswer, listed.json);
    expect(listed.json.webhooks).toEqual([webhook]);
    expect(JSON.stringify([shown.json, listed.json])).not.toContain('whsec_');
    const changed = await call('PATCH', `/${id}`, { active: false, task_types: null });
    expectDescribed(changedAnswer, changed.json);
    expect(changed.json.webhook).toEqual({ ...webhook, active: false, task_types: null });
    expect((await call('PATCH', `/${id}`, {})).json.webhook).toEqual(changed.json.webhook);
    const removed = await call('DELETE', `/${id}`);
    expectDescribed(removedAnswer, removed.json);
    expect(await call('GET', `/${id}`)).toMatchObject({ status: 404, json: { code: 'E_NOT_FOUND' } });
    expect(await call('DELETE', `/${id}`)).toMatchObject({ status: 404 });
    expect(await call('PATCH', `/${id}`, { active: true })).toMatchObject({ status: 404 });
    expect((await call('GET')).json.webhooks).toEqual([]);
  });

  it('gets another secret, made or given', async () => {
    const { webhook, secret } = await added();
    const path = `/${webhook.webhook_id}/secret`;
    const made = await call('POST', path);
    expectDescribed(secretAnswer, made.json);
    expect(made.json.secret).not.toBe(secret);
    expect(made.json.webhook.former_secret_until).not.toBeNull();
    expect((await call('POST', path, { secret })).json.secret).toBe(secret);
    expect(await call('POST', path, { secret: 'hunter2' })).toMatchObject({ status: 400, json: { code: 'E_USAGE' } });
    expect(await call('POST', '/999/secret')).toMatchObject({ status: 404 });
  });

  it.each([
    { url: 'http://hooks.example.com/' },
    { url: 'https://127.0.0.1/' },
    { url: 'https://[::ffff:169.254.169.254]/latest' },
    { url: 'https://u:p@hooks.example.com/' },
    { url: 'nonsense' },
    { event_types: [] },
    { event_types: ['task.born'] },
    { task_types: [] },
    { secret: 'short' },
    { colour: 'red' },
  ])('is refused with what is wrong: %j', async (body) => {
    const refused = await call('POST', '', { url, ...body });
    expect(refused).toMatchObject({ status: 400, json: { code: 'E_USAGE', detail: expect.any(String) } });
    expect((await call('GET')).json.webhooks).toEqual([]);
  });

  it('is one of at most 100', async () => {
    for (let n = 0; n < 100; n += 1) await added();
    expect(await call('POST', '', { url })).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });

  it('is added once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'the first hook' };
    const [first, second] = [await call('POST', '', { url }, headers), await call('POST', '', { url }, headers)];
    expect(second.json.webhook).toEqual(first.json.webhook);
    expect(second.json.secret).toBe(first.json.secret);
    expect((await call('GET')).json.webhooks).toHaveLength(1);
  });
});

describe('the deliveries of a webhook', () => {
  it('are listed newest first, part by part, by status, and sent again', async ({ db, session }) => {
    const id = (await added()).webhook.webhook_id;
    const tests = [];
    for (let n = 0; n < 5; n += 1) tests.push(await call('POST', `/${id}/test`));
    for (const one of tests) expectDescribed(deliveryAnswer, one.json);
    const ids = tests.map((one) => one.json.delivery.delivery_id).reverse();
    await session.write(
      `UPDATE ${db.names.webhookDelivery} SET status = 'failed', next_try_at = NULL, tries = 11, last_error = 'HTTP 500' WHERE id IN (?, ?)`,
      [ids[0], ids[1]],
    );
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const { json } = await call('GET', `/${id}/deliveries?limit=2${cursor}`);
      expectDescribed(deliveriesAnswer, json);
      seen.push(...json.deliveries.map((one: { delivery_id: string }) => one.delivery_id));
      if (json.cursor === null) break;
      cursor = `&cursor=${json.cursor}`;
    }
    expect(seen).toEqual(ids);
    const of = async (status: string) =>
      (await call('GET', `/${id}/deliveries?status=${status}`)).json.deliveries.map(
        (one: { delivery_id: string }) => one.delivery_id,
      );
    expect([await of('failed'), await of('pending'), await of('delivered')]).toEqual([
      ids.slice(0, 2),
      ids.slice(2),
      [],
    ]);
    expect(await call('GET', `/${id}/deliveries?status=failed${cursor}`)).toMatchObject({ status: 400 });
    const again = await call('POST', `/${id}/deliveries/${ids[0]}/redeliver`);
    expectDescribed(deliveryAnswer, again.json);
    expect(again.json.delivery).toMatchObject({ status: 'pending', tries: 0, message_id: `msg_${ids[0]}` });
    expect(await of('failed')).toEqual([ids[1]]);
    const shown = await call('GET', `/${id}/deliveries/${ids[4]}`);
    expect(JSON.parse(shown.json.delivery.body)).toMatchObject({ type: 'webhook.test', data: { webhook_id: id } });
  });

  it('are those of one webhook', async () => {
    const [one, other] = [(await added()).webhook.webhook_id, (await added()).webhook.webhook_id];
    const { delivery_id } = (await call('POST', `/${one}/test`)).json.delivery;
    expect(await call('GET', `/${other}/deliveries/${delivery_id}`)).toMatchObject({ status: 404 });
    expect(await call('POST', `/${other}/deliveries/${delivery_id}/redeliver`)).toMatchObject({ status: 404 });
    expect((await call('GET', `/${other}/deliveries`)).json.deliveries).toEqual([]);
    expect(await call('GET', '/999/deliveries')).toMatchObject({ status: 404 });
    await call('PATCH', `/${one}`, { active: false });
    expect(await call('POST', `/${one}/test`)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });
});
