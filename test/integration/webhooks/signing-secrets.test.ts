// Signing secrets of webhooks as the database has them.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect } from 'vitest';
import { resealSigning, signingRow } from '../../../src/core/db/webhooks/signing-rows.ts';
import { activeWebhooks } from '../../../src/core/db/webhooks/webhook-rows.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { type FleetKey, newKey, parseKeys } from '../../../src/core/secrets/fleet-key.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { setSecret } from '../../../src/core/secrets/manage-secrets.ts';
import { rotateSecrets } from '../../../src/core/secrets/rotate-secrets.ts';
import { addWebhook, changeSecret, webhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { newSecret, signedHeaders } from '../../../src/core/webhooks/send/signature.ts';
import { WebhookSender } from '../../../src/core/webhooks/send/webhook-sender.ts';
import { delivery, testWebhook } from '../../../src/core/webhooks/webhook-deliveries.ts';
import { actor } from '../../helpers/actor.ts';
import { wholeDatabase } from '../../helpers/dump.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { closeReceivers, type Receiver, receiver } from '../../helpers/receiver.ts';
import { keyFile } from '../../helpers/secrets.ts';

const networks = ['127.0.0.1'];
const master = { webhook_networks: networks };
let given: Given;
let file: string;
let first: string;
let there: Receiver;
let warnings: string[];
const contexts: Array<ReturnType<typeof testContext>> = [];
const senders: WebhookSender[] = [];

it.beforeEach(async ({ given: one }) => {
  given = one;
  const { secrets, key_id } = keyFile();
  [file, first, warnings] = [secrets.key_file, key_id, []];
  there = await receiver();
  await given.rows.leader('leader', 1);
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((one) => one.close()));
  await Promise.all(contexts.splice(0).map((one) => one.close()));
  await closeReceivers();
  await stopGateways();
});

/** Of a machine with this key file; without one unless it is given. */
function machine(key_file?: string) {
  const context = testContext(given.db, { master, ...(key_file === undefined ? {} : { secrets: { key_file } }) });
  contexts.push(context);
  return context;
}
const hook = (context: ReturnType<typeof machine>, secret?: string) =>
  addWebhook(
    context,
    { url: there.url, description: null, event_types: ['task.done'], task_types: null, secret },
    actor(),
  );
const send = (context: ReturnType<typeof machine>, id: number) =>
  testWebhook(context, id, { now: '2026-01-02T03:04:05.678Z', by: actor() });

/** The sender of a leader on that machine, and one round of it. */
async function leader(keyring: Keyring) {
  const session = await given.db.session();
  let webhooks = await activeWebhooks(session, given.db.names);
  const duty = new DutySession(session, given.db.names, { holder: 'leader', term: 1 });
  const warn = (message: string) => void warnings.push(message);
  const sender = new WebhookSender({ duty, networks, keyring, webhooks: () => webhooks, warn, random: () => 0.5 });
  senders.push(sender);
  return async () => {
    webhooks = await activeWebhooks(session, given.db.names);
    return sender.runToEnd();
  };
}
const due = () => given.session.write(`UPDATE ${given.db.names.webhookDelivery} SET next_try_at = UTC_TIMESTAMP(3)`);
const stored = async (id: number) =>
  (await given.session.rows(`SELECT secret, former_secret FROM ${given.db.names.webhook} WHERE id = ?`, [id]))[0]!;
const addKey = () => {
  const { id, line } = newKey();
  writeFileSync(file, `${line}\n${readFileSync(file, 'utf8')}`);
  return id;
};
/** What arrived last was signed by these. */
function signedBy(...secrets: string[]) {
  const { headers, body } = there.received.at(-1)!;
  const of = { id: headers['webhook-id'] as string, timestamp: Number(headers['webhook-timestamp']), body };
  expect(headers['webhook-signature']).toBe(signedHeaders(secrets, of)['webhook-signature']);
}

describe('RB8 a signing secret', () => {
  it('is in no column of the database, also when a request was repeated, and signs', async () => {
    const gateway = await startGateway(given.db, { master, secrets: { key_file: file } });
    const add = () =>
      gateway.call('/api/v1/webhooks', { url: there.url }, { method: 'POST', headers: { 'idempotency-key': 'one' } });
    const { json } = await add();
    expect([json.webhook.secret_key_id, json.warnings]).toEqual([first, []]);
    const again = await add();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.json).toMatchObject({ webhook: json.webhook, secret: json.secret });
    const id = Number(json.webhook.webhook_id);
    const changed = await changeSecret(machine(file), id, undefined, actor());
    await send(machine(file), id);
    const round = await leader(Keyring.of(machine(file).resolved));
    expect(await round()).toEqual({ delivered: 1, failed: 0 });
    signedBy(changed.secret, json.secret);
    const dump = await wholeDatabase(given.session);
    for (const secret of [json.secret, changed.secret]) {
      const plain = secret.slice('whsec_'.length);
      expect(dump).not.toContain(plain);
      expect(dump).not.toContain(Buffer.from(plain, 'base64').toString('latin1'));
    }
    expect(await add()).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });

  it.each<[string, (id: number, other: number) => [sql: string, values: number[]]]>([
    ['of another webhook', (id, other) => ['a.secret = b.secret', [id, other]]],
    ['of before', (id) => ['a.secret = a.former_secret', [id, id]]],
    ['with another version', (id) => ['a.secret_version = a.secret_version + 1', [id, id]]],
    [
      'with a changed byte',
      (id) => ["a.secret = CONCAT(LEFT(a.secret, 120), 'AAAA', SUBSTRING(a.secret, 125))", [id, id]],
    ],
  ])('%s signs nothing, and the delivery is kept', async (_, change) => {
    const context = machine(file);
    const [one, other] = [await hook(context), await hook(context)];
    const { id } = one.webhook;
    await changeSecret(context, id, undefined, actor());
    const [sql, ids] = change(id, other.webhook.id);
    const { webhook: table } = given.db.names;
    await given.session.write(`UPDATE ${table} a JOIN ${table} b ON a.id = ? AND b.id = ? SET ${sql}`, ids);
    const sent = await send(context, id);
    await (await leader(Keyring.of(context.resolved)))();
    expect(there.received).toEqual([]);
    expect(await delivery(context, id, sent.id)).toMatchObject({
      ...{ status: 'pending', tries: 0, last_error: expect.stringContaining('does not open') },
    });
    await changeSecret(context, id, undefined, actor());
    await changeSecret(context, id, undefined, actor());
    await due();
    expect(await (await leader(Keyring.of(context.resolved)))()).toEqual({ delivered: 1, failed: 0 });
  });

  it('opens with an old key that is still in the file, and with none other', async () => {
    const context = machine(file);
    const { webhook: made, secret } = await hook(context);
    addKey();
    await send(context, made.id);
    await (await leader(Keyring.of(context.resolved)))();
    signedBy(secret);
    writeFileSync(file, `${newKey().line}\n`);
    await send(context, made.id);
    expect(await (await leader(Keyring.of(context.resolved)))()).toEqual({ delivered: 0, failed: 1 });
  });
});

describe('a leader without the key', () => {
  it('keeps what is due with all its tries, says so once, and sends it when the key comes', async () => {
    const { webhook: made, secret } = await hook(machine(file));
    const sent = [await send(machine(file), made.id), await send(machine(file), made.id)];
    let now = 0;
    let keys: FleetKey[] | undefined;
    const round = await leader(
      new Keyring(
        async () => keys,
        () => now,
      ),
    );
    for (let n = 0; n < 20; n += 1) {
      await due();
      await round();
    }
    expect(there.received).toEqual([]);
    for (const { id } of sent)
      expect(await delivery(machine(), made.id, id)).toMatchObject({
        ...{ status: 'pending', tries: 0, last_code: null },
        last_error: `The signing secret of webhook ${made.id} is encrypted with the key ${first}, which this machine does not have: check secrets.key_file.`,
      });
    expect(warnings).toEqual([expect.stringMatching(/nothing is sent, and what is due is kept.*secrets\.key_file/)]);
    [keys, now] = [parseKeys(readFileSync(file, 'utf8')), 10_000];
    await due();
    await round();
    await due();
    await round();
    expect(there.received).toHaveLength(2);
    signedBy(secret);
  });
});

describe('without a key', () => {
  it('a webhook is added all the same; the answer warns in one line, and the next rotation encrypts it', async () => {
    const plain = await hook(machine());
    expect(plain.webhook.secret_key_id).toBeNull();
    expect(plain.warnings).toEqual([
      expect.stringMatching(/^The signing secret is stored as it is.*key_file: .*rotate"\.$/),
    ]);
    expect((await stored(plain.webhook.id)).secret).toBe(plain.secret);
    const changed = await changeSecret(machine(), plain.webhook.id, undefined, actor());
    expect(changed.warnings).toHaveLength(1);
    await send(machine(), plain.webhook.id);
    await (await leader(Keyring.of(machine().resolved)))();
    signedBy(changed.secret, plain.secret);

    const steps: string[] = [];
    const context = machine(file);
    const done = await rotateSecrets(context, actor(), (name) => steps.push(name));
    expect(done).toEqual({ key_id: first, rotated: 0, webhooks: 1, unused_key_ids: [] });
    expect(steps).toEqual([`webhook ${plain.webhook.id}`]);
    expect((await webhook(context, plain.webhook.id)).secret_key_id).toBe(first);
    expect(JSON.stringify(await stored(plain.webhook.id))).not.toContain('whsec_');
    await send(context, plain.webhook.id);
    await (await leader(Keyring.of(context.resolved)))();
    signedBy(changed.secret, plain.secret);
    const [row] = await given.session.rows(
      `SELECT action, object_type, object_id FROM ${given.db.names.auditLog} ORDER BY id DESC LIMIT 1 OFFSET 1`,
    );
    expect(row).toEqual({ action: 'secrets.rotate', object_type: 'webhook', object_id: String(plain.webhook.id) });
  });

  it('that was stored so is encrypted too when its webhook gets another secret where there is a key', async () => {
    const plain = await hook(machine());
    await changeSecret(machine(file), plain.webhook.id, undefined, actor());
    expect(JSON.stringify(await stored(plain.webhook.id))).not.toContain('whsec_');
  });
});

describe('a rotation', () => {
  it('encrypts each with the newest key, and tells which keys nothing needs any more', async () => {
    const context = machine(file);
    const given1 = newSecret();
    const { webhook: made } = await hook(context, given1);
    const { secret } = await changeSecret(context, made.id, undefined, actor());
    await setSecret(context, { name: 'a', value: async () => 'canary-of-a', by: actor() });
    const second = addKey();
    const fresh = machine(file);
    expect(await rotateSecrets(fresh, actor())).toEqual({
      ...{ key_id: second, rotated: 1, webhooks: 1, unused_key_ids: [first] },
    });
    expect(await rotateSecrets(fresh, actor())).toMatchObject({ rotated: 0, webhooks: 0, unused_key_ids: [] });
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\n')[0]}\n`);
    await send(fresh, made.id);
    await (await leader(Keyring.of(machine(file).resolved)))();
    signedBy(secret, given1);
  });

  it('never writes over a secret that was set meanwhile, although that may be the same text again', async () => {
    const plain = await hook(machine());
    const { id } = plain.webhook;
    const read = (await signingRow(given.session, given.db.names, id, { lock: false }))!;
    const late = () => resealSigning(given.session, given.db.names, read, { secret: 'sealed:late', former: null });
    await changeSecret(machine(), id, undefined, actor());
    expect(await late()).toBe(false);
    await changeSecret(machine(), id, plain.secret, actor());
    expect(await late()).toBe(false);
    expect((await stored(id)).secret).toBe(plain.secret);
    const now = (await signingRow(given.session, given.db.names, id, { lock: false }))!;
    expect(await resealSigning(given.session, given.db.names, now, { secret: 'sealed:now', former: null })).toBe(true);
  });

  it('forgets a former secret whose time is over, and names a webhook whose secret does not open', async () => {
    const context = machine(file);
    const [one, other] = [await hook(context), await hook(context)];
    await changeSecret(context, one.webhook.id, undefined, actor());
    const { webhook: table } = given.db.names;
    await given.session.write(`UPDATE ${table} SET former_until = UTC_TIMESTAMP(3), former_secret = 'sealed:lost:x:x'`);
    await given.session.write(`UPDATE ${table} SET secret = 'sealed:0123456789abcdef:x:x' WHERE id = ?`, [
      other.webhook.id,
    ]);
    addKey();
    await expect(rotateSecrets(machine(file), actor())).rejects.toMatchObject({
      ...{ code: 'E_PARTIAL', message: expect.stringContaining(`1 of 2 secrets`) },
      data: { names: [`webhook ${other.webhook.id}`], rotated: 0, webhooks: 1 },
    });
    expect((await stored(one.webhook.id)).former_secret).toBeNull();
  });
});
