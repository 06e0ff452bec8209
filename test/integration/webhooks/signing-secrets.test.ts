// Signing secrets of webhooks as the database has them.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect } from 'vitest';
import { resealSigning, signingRow } from '../../../src/core/db/webhooks/signing-rows.ts';
import { type FleetKey, newKey, parseKeys } from '../../../src/core/secrets/fleet-key.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { setSecret } from '../../../src/core/secrets/manage-secrets.ts';
import { rotateSecrets } from '../../../src/core/secrets/rotate-secrets.ts';
import { changeSecret, webhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { signedHeaders } from '../../../src/core/webhooks/send/signature.ts';
import { delivery } from '../../../src/core/webhooks/webhook-deliveries.ts';
import { actor } from '../../helpers/actor.ts';
import { wholeDatabase } from '../../helpers/dump.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { type Receiver, receiver } from '../../helpers/receiver.ts';
import { keyFile } from '../../helpers/secrets.ts';
import { eachWithSender, type Sending } from './sending.ts';

let { db, session, names, warnings, machine, hook: hookAt, send, sender, due } = {} as Sending;
let file: string;
let first: string;
let there: Receiver;
eachWithSender((opened) => ({ db, session, names, warnings, machine, hook: hookAt, send, sender, due } = opened));
it.beforeEach(async () => {
  const { secrets, key_id } = keyFile();
  [file, first, there] = [secrets.key_file, key_id, await receiver()];
});
afterEach(stopGateways);

const hook = (context = machine(file)) => hookAt(context, there.url);
const change = (context: ReturnType<typeof machine>, id: number, secret?: string) =>
  changeSecret(context, id, secret, actor());
const stored = async (id: number) =>
  (await session.rows(`SELECT secret, former_secret FROM ${names.webhook} WHERE id = ?`, [id]))[0]!;
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
/** What a leader on that machine sends of this webhook is. */
async function sentAndSigned(context: ReturnType<typeof machine>, id: number, ...secrets: string[]) {
  await send(context, id);
  expect(await (await sender(context)).round()).toEqual({ delivered: 1, failed: 0 });
  signedBy(...secrets);
}

describe('RB8 a signing secret', () => {
  it('is in no column of the database, also when a request was repeated, and signs', async () => {
    const gateway = await startGateway(db, {
      ...{ master: { webhook_networks: ['127.0.0.1'] }, secrets: { key_file: file } },
    });
    const headers = { 'idempotency-key': 'one' };
    const add = () => gateway.call('/api/v1/webhooks', { url: there.url }, { method: 'POST', headers });
    const { json } = await add();
    expect([json.webhook.secret_key_id, json.warnings]).toEqual([first, []]);
    expect((await add()).json).toMatchObject({ webhook: json.webhook, secret: json.secret });
    const id = Number(json.webhook.webhook_id);
    const changed = await change(machine(file), id);
    await sentAndSigned(machine(file), id, changed.secret, json.secret);
    const dump = await wholeDatabase(session);
    for (const secret of [json.secret, changed.secret]) {
      const plain = secret.slice('whsec_'.length);
      expect(dump).not.toContain(plain);
      expect(dump).not.toContain(Buffer.from(plain, 'base64').toString('latin1'));
    }
    expect(await add()).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });

  it.each([
    ['of another webhook', 'a.secret = b.secret'],
    ['of before', 'a.secret = a.former_secret'],
    ['with another version', 'a.secret_version = a.secret_version + 1'],
  ])('%s signs nothing, and the delivery is kept', async (_, set) => {
    const context = machine(file);
    const [{ id }, other] = [await hook(), await hook()];
    await change(context, id);
    await session.write(`UPDATE ${names.webhook} a JOIN ${names.webhook} b ON a.id = ? AND b.id = ? SET ${set}`, [
      ...[id, other.id],
    ]);
    const sent = await send(context, id);
    await (await sender(context)).round();
    expect(there.received).toEqual([]);
    expect(await delivery(context, id, sent.id)).toMatchObject({
      ...{ status: 'pending', tries: 0, last_error: expect.stringContaining('does not open') },
    });
  });

  it('opens with an old key that is still in the file, and with none other', async () => {
    const { id, secret } = await hook();
    addKey();
    await sentAndSigned(machine(file), id, secret);
    writeFileSync(file, `${newKey().line}\n`);
    await send(machine(file), id);
    expect(await (await sender(machine(file))).round()).toEqual({ delivered: 0, failed: 1 });
  });
});

describe('without the key', () => {
  it('a leader keeps what is due with all its tries, says so once, and sends it when the key comes', async () => {
    const { id, secret } = await hook();
    const sent = await send(machine(file), id);
    let now = 0;
    let keys: FleetKey[] | undefined;
    const { round } = await sender(
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
    expect(await delivery(machine(), id, sent.id)).toMatchObject({
      ...{ status: 'pending', tries: 0, last_code: null },
      last_error: `The signing secret of webhook ${id} is encrypted with the key ${first}, which this machine does not have: check secrets.key_file.`,
    });
    expect(warnings).toEqual([expect.stringMatching(/nothing is sent, and what is due is kept.*secrets\.key_file/)]);
    [keys, now] = [parseKeys(readFileSync(file, 'utf8')), 10_000];
    await due();
    await round();
    signedBy(secret);
  });

  it('a webhook is added all the same; the answer warns in one line, and the next rotation encrypts it', async () => {
    const plain = await hook(machine());
    const { id } = plain;
    expect(plain.webhook.secret_key_id).toBeNull();
    expect(plain.warnings).toEqual([
      expect.stringMatching(/^The signing secret is stored as it is.*key_file: .*rotate"\.$/),
    ]);
    expect((await stored(id)).secret).toBe(plain.secret);
    const { secret, warnings: again } = await change(machine(), id);
    expect(again).toHaveLength(1);
    await sentAndSigned(machine(), id, secret, plain.secret);
    const steps: string[] = [];
    const context = machine(file);
    expect(await rotateSecrets(context, actor(), (name) => steps.push(name))).toEqual({
      ...{ key_id: first, rotated: 0, webhooks: 1, unused_key_ids: [] },
    });
    expect(steps).toEqual([`webhook ${id}`]);
    expect((await webhook(context, id)).secret_key_id).toBe(first);
    expect(JSON.stringify(await stored(id))).not.toContain('whsec_');
    await sentAndSigned(context, id, secret, plain.secret);
    const acts = await session.rows(`SELECT action, object_id FROM ${names.auditLog} WHERE object_type = 'webhook'`);
    expect(acts).toContainEqual({ action: 'secrets.rotate', object_id: String(id) });
  });
});

describe('a rotation', () => {
  it('encrypts each with the newest key, and tells which keys nothing needs any more', async () => {
    const context = machine(file);
    const made = await hook();
    const { secret } = await change(context, made.id);
    await setSecret(context, { name: 'a', value: async () => 'canary-of-a', by: actor() });
    const second = addKey();
    const fresh = machine(file);
    expect(await rotateSecrets(fresh, actor())).toEqual({
      ...{ key_id: second, rotated: 1, webhooks: 1, unused_key_ids: [first] },
    });
    expect(await rotateSecrets(fresh, actor())).toMatchObject({ rotated: 0, webhooks: 0, unused_key_ids: [] });
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\n')[0]}\n`);
    await sentAndSigned(machine(file), made.id, secret, made.secret);
  });

  it('never writes over a secret that was set meanwhile, although that may be the same text again', async () => {
    const { id, secret } = await hook(machine());
    const read = async () => (await signingRow(session, names, id, { lock: false }))!;
    const before = await read();
    const reseal = (of: typeof before) => resealSigning(session, names, of, { secret: 'sealed:late', former: null });
    await change(machine(), id);
    expect(await reseal(before)).toBe(false);
    await change(machine(), id, secret);
    expect(await reseal(before)).toBe(false);
    expect((await stored(id)).secret).toBe(secret);
    expect(await reseal(await read())).toBe(true);
  });

  it('forgets a former secret whose time is over, and names a webhook whose secret does not open', async () => {
    const [one, other] = [await hook(), await hook()];
    await change(machine(file), one.id);
    await session.write(
      `UPDATE ${names.webhook} SET former_until = UTC_TIMESTAMP(3), former_secret = 'sealed:lost:x:x',
         secret = IF(id = ?, 'sealed:0123456789abcdef:x:x', secret)`,
      [other.id],
    );
    addKey();
    await expect(rotateSecrets(machine(file), actor())).rejects.toMatchObject({
      ...{ code: 'E_PARTIAL', message: expect.stringContaining('1 of 2 secrets') },
      data: { names: [`webhook ${other.id}`], rotated: 0, webhooks: 1 },
    });
    expect((await stored(one.id)).former_secret).toBeNull();
  });
});
