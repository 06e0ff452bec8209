import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { activeWebhooks } from '../../../src/core/db/webhooks/webhook-rows.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { addWebhook, changeSecret, changeWebhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { signedHeaders } from '../../../src/core/webhooks/send/signature.ts';
import { WebhookSender } from '../../../src/core/webhooks/send/webhook-sender.ts';
import { deliveries, delivery, redeliver, testWebhook } from '../../../src/core/webhooks/webhook-deliveries.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { closeReceivers, receiver } from '../../helpers/receiver.ts';
import { until } from '../../helpers/wait.ts';

const networks = ['127.0.0.1'];
let given: Given;
let context: ReturnType<typeof testContext>;
let session: Session;
let warnings: string[];
const senders: WebhookSender[] = [];

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(one.db, { master: { webhook_networks: networks } });
  onTestFinished(() => context.close());
  session = await one.db.session();
  warnings = [];
  await given.rows.leader('leader', 1);
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((one) => one.close()));
  await closeReceivers();
});

/** A sender that begins with the webhooks as they are, and one round of it. */
async function sender(): Promise<WebhookSender & { round(): Promise<{ delivered: number; failed: number }> }> {
  let webhooks = await activeWebhooks(given.session, given.db.names);
  const duty = new DutySession(session, given.db.names, { holder: 'leader', term: 1 });
  const one = new WebhookSender({
    ...{ duty, networks, keyring: Keyring.of(context.resolved), webhooks: () => webhooks, random: () => 0.5 },
    warn: (message) => warnings.push(message),
  });
  senders.push(one);
  return Object.assign(one, {
    async round() {
      webhooks = await activeWebhooks(given.session, given.db.names);
      return one.runToEnd();
    },
  });
}

async function hook(url: string) {
  const event_types = ['task.done' as const];
  const { webhook, secret } = await addWebhook(
    context,
    { url, description: null, event_types, task_types: null, secret: undefined },
    actor(),
  );
  return { id: webhook.id, secret };
}
const test = (id: number) => testWebhook(context, id, { now: '2026-01-02T03:04:05.678Z', by: actor() });
const state = async (id: number, of: number) => delivery(context, id, of);
const due = (id: number) =>
  given.session.write(`UPDATE ${given.db.names.webhookDelivery} SET next_try_at = UTC_TIMESTAMP(3) WHERE id = ?`, [id]);

describe('a delivery that is due', () => {
  it('is sent, signed by what its receiver knows, and the log says so', async () => {
    const there = await receiver();
    const { id, secret } = await hook(there.url);
    const sent = await test(id);
    expect(await (await sender()).round()).toEqual({ delivered: 1, failed: 0 });
    const [one] = there.received;
    expect(one!.body).toBe(sent.body);
    const timestamp = Number(one!.headers['webhook-timestamp']);
    const expected = signedHeaders([secret], { id: `msg_${sent.id}`, timestamp, body: sent.body });
    expect(one!.headers).toMatchObject(expected);
    const [now] = await given.session.rows<{ now: number }>(
      "SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', UTC_TIMESTAMP()) AS now",
    );
    expect(Math.abs(Number(now!.now) - timestamp)).toBeLessThan(30);
    expect(await state(id, sent.id)).toMatchObject({
      ...{ status: 'delivered', tries: 1, next_try_at: null, last_code: 204, last_error: null },
      ...{ last_ms: expect.any(Number), last_try_at: expect.any(String) },
    });
    expect(await (await sender()).round()).toEqual({ delivered: 0, failed: 0 });
    expect(there.received).toHaveLength(1);
  });

  it('is signed by the former secret too, after a change', async () => {
    const there = await receiver();
    const { id, secret } = await hook(there.url);
    const changed = await changeSecret(context, id, undefined, actor());
    expect(changed.webhook.former_secret_until).not.toBeNull();
    const sent = await test(id);
    await (await sender()).round();
    const { headers } = there.received[0]!;
    const of = { id: `msg_${sent.id}`, timestamp: Number(headers['webhook-timestamp']), body: sent.body };
    expect(headers['webhook-signature']).toBe(signedHeaders([changed.secret, secret], of)['webhook-signature']);
  });

  it('and fails comes again later, and is given up after a day of tries', async () => {
    const there = await receiver((_, response) => response.writeHead(500).end('broken'));
    const { id } = await hook(there.url);
    const sent = await test(id);
    const one = await sender();
    expect(await one.round()).toEqual({ delivered: 0, failed: 1 });
    const failed = await state(id, sent.id);
    expect(failed).toMatchObject({ status: 'pending', tries: 1, last_code: 500, last_error: 'HTTP 500: broken' });
    expect(Date.parse(failed.next_try_at!) - Date.parse(failed.last_try_at!)).toBe(5000);
    expect(await one.round()).toEqual({ delivered: 0, failed: 0 });
    for (let tries = 2; ; tries += 1) {
      await due(sent.id);
      await one.round();
      const { status, tries: counted, next_try_at } = await state(id, sent.id);
      expect(counted).toBe(tries);
      if (status === 'failed') {
        expect([tries, next_try_at]).toEqual([11, null]);
        break;
      }
      expect(warnings).toEqual([]);
    }
    expect(warnings).toEqual([expect.stringContaining(`deliveries/${sent.id}/redeliver`)]);
    const ids = new Set(there.received.map((received) => received.headers['webhook-id']));
    expect([there.received.length, [...ids]]).toEqual([11, [`msg_${sent.id}`]]);
    await redeliver(context, id, sent.id, actor());
    expect(await state(id, sent.id)).toMatchObject({ status: 'pending', tries: 0 });
    await one.round();
    expect(there.received).toHaveLength(12);
    expect(
      (await deliveries(context, id, { status: 'pending', cursor: undefined, limit: 10 })).deliveries,
    ).toHaveLength(1);
  });

  it('gets the time that its receiver asks for', async () => {
    const there = await receiver((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
    const { id } = await hook(there.url);
    const sent = await test(id);
    await (await sender()).round();
    const { next_try_at, last_try_at } = await state(id, sent.id);
    expect(Date.parse(next_try_at!) - Date.parse(last_try_at!)).toBe(3_600_000);
  });
});

describe('a receiver that does not answer', () => {
  it('keeps no other waiting', async () => {
    const silent = await receiver(() => {});
    const there = await receiver();
    const slow = await hook(silent.url);
    const quick = await hook(there.url);
    for (let n = 0; n < 6; n += 1) await test(slow.id);
    for (let n = 0; n < 6; n += 1) await test(quick.id);
    const one = await sender();
    await one.runOnce();
    await until(() => there.received.length === 6 && silent.received.length === 4);
    // A request has reached its receiver before its answer has reached us.
    await until(async () => {
      await one.runOnce();
      const page = await deliveries(context, quick.id, { status: 'delivered', cursor: undefined, limit: 9 });
      return page.deliveries.length === 6;
    });
    expect(silent.received).toHaveLength(4);
  });

  it('is asked one at a time until it answers again', async () => {
    let broken = true;
    const there = await receiver((_, response) => response.writeHead(broken ? 500 : 204).end());
    const { id } = await hook(there.url);
    for (let n = 0; n < 30; n += 1) await test(id);
    const one = await sender();
    await one.round();
    const begun = there.received.length;
    expect(begun).toBeLessThanOrEqual(4);
    await one.round();
    expect(there.received).toHaveLength(begun + 1);
    broken = false;
    await one.round();
    await one.round();
    const { deliveries: left } = await deliveries(context, id, { status: 'pending', cursor: undefined, limit: 50 });
    expect(left.every(({ tries }) => tries === 1)).toBe(true);
    expect(left).toHaveLength(begun + 1);
  });
});

it('what is broken off with its leader is sent again by the next, as the same message', async () => {
  const silent = await receiver((_, response) => {
    if (silent.received.length > 1) response.writeHead(204).end();
  });
  const { id } = await hook(silent.url);
  const sent = await test(id);
  const one = await sender();
  await one.runOnce();
  await until(() => silent.received.length === 1);
  await one.close();
  expect(await state(id, sent.id)).toMatchObject({ status: 'pending', tries: 0 });
  expect(await (await sender()).round()).toEqual({ delivered: 1, failed: 0 });
  expect(silent.received.map((received) => received.headers['webhook-id'])).toEqual([
    `msg_${sent.id}`,
    `msg_${sent.id}`,
  ]);
});

it('what two leaders sent counts once', async () => {
  const there = await receiver();
  const { id } = await hook(there.url);
  const sent = await test(id);
  const [first, second] = [await sender(), await sender()];
  await first.runOnce();
  await second.runOnce();
  await until(() => there.received.length === 2);
  await first.round();
  await second.round();
  expect(await state(id, sent.id)).toMatchObject({ status: 'delivered', tries: 1 });
});

it('a webhook that is not active is not sent to, and goes on when it is again', async () => {
  const there = await receiver();
  const { id } = await hook(there.url);
  const sent = await test(id);
  await changeWebhook(context, id, { active: false }, actor());
  const one = await sender();
  expect(await one.round()).toEqual({ delivered: 0, failed: 0 });
  await changeWebhook(context, id, { active: true }, actor());
  expect(await one.round()).toEqual({ delivered: 1, failed: 0 });
  expect(await state(id, sent.id)).toMatchObject({ status: 'delivered' });
});
