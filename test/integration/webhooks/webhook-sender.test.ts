import { describe, expect } from 'vitest';
import { signedHeaders } from '../../../src/core/webhooks/send/signature.ts';
import { deliveries, delivery, redeliver } from '../../../src/core/webhooks/webhook-deliveries.ts';
import { actor } from '../../helpers/actor.ts';
import { it } from '../../helpers/fixture.ts';
import { receiver } from '../../helpers/receiver.ts';
import { until } from '../../helpers/wait.ts';
import { eachWithSender, type Sending } from './sending.ts';

let { session, warnings, machine, hook, send, sender, due } = {} as Sending;
let context: ReturnType<Sending['machine']>;
eachWithSender((opened) => {
  ({ session, warnings, machine, hook, send, sender, due } = opened);
  context = machine();
});
const listed = async (id: number, status: 'pending' | 'delivered') =>
  (await deliveries(context, id, { status, cursor: undefined, limit: 50 })).deliveries;

describe('a delivery that is due', () => {
  it('is sent once, signed by what its receiver knows, and the log says so', async () => {
    const there = await receiver();
    const { id, secret } = await hook(context, there.url);
    const sent = await send(context, id);
    expect(await (await sender(context)).round()).toEqual({ delivered: 1, failed: 0 });
    const [{ headers, body }] = there.received as [(typeof there.received)[0]];
    const timestamp = Number(headers['webhook-timestamp']);
    expect(headers).toMatchObject(signedHeaders([secret], { id: `msg_${sent.id}`, timestamp, body: sent.body }));
    expect(body).toBe(sent.body);
    const [now] = await session.rows("SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', UTC_TIMESTAMP()) AS s");
    expect(Math.abs(Number(now!.s) - timestamp)).toBeLessThan(30);
    expect(await delivery(context, id, sent.id)).toMatchObject({
      ...{ status: 'delivered', tries: 1, next_try_at: null, last_code: 204, last_error: null },
      ...{ last_ms: expect.any(Number), last_try_at: expect.any(String) },
    });
    expect(await (await sender(context)).round()).toEqual({ delivered: 0, failed: 0 });
  });

  it('and fails comes again later, and is given up after a day of tries', async () => {
    const there = await receiver((_, response) =>
      response.writeHead(500, there.received.length === 2 ? { 'retry-after': '3600' } : {}).end('broken'),
    );
    const { id } = await hook(context, there.url);
    const sent = await send(context, id);
    const one = await sender(context);
    const waits: number[] = [];
    for (let tries = 1; tries <= 11; tries += 1) {
      expect(warnings).toEqual([]);
      expect(await one.round()).toEqual({ delivered: 0, failed: 1 });
      const { next_try_at, last_try_at, ...state } = await delivery(context, id, sent.id);
      expect(state).toMatchObject({ tries, last_code: 500, last_error: 'HTTP 500: broken' });
      waits.push(Date.parse(next_try_at ?? last_try_at!) - Date.parse(last_try_at!));
      expect(await one.round()).toEqual({ delivered: 0, failed: 0 });
      await due();
    }
    // The time that its receiver asks for, among them.
    expect([waits[0], waits[1], waits[10]]).toEqual([5000, 3_600_000, 0]);
    expect(await delivery(context, id, sent.id)).toMatchObject({ status: 'failed', next_try_at: null });
    expect(warnings).toEqual([expect.stringContaining(`deliveries/${sent.id}/redeliver`)]);
    expect(new Set(there.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`msg_${sent.id}`]));
    await redeliver(context, id, sent.id, actor());
    expect(await delivery(context, id, sent.id)).toMatchObject({ status: 'pending', tries: 0 });
    await one.round();
    expect(there.received).toHaveLength(12);
  });

  it('that is broken off with its leader is sent again by the next, as the same message', async () => {
    const there = await receiver((_, response) => {
      if (there.received.length > 1) response.writeHead(204).end();
    });
    const { id } = await hook(context, there.url);
    const sent = await send(context, id);
    const one = await sender(context);
    await one.runOnce();
    await until(() => there.received.length === 1);
    await one.close();
    expect(await delivery(context, id, sent.id)).toMatchObject({ status: 'pending', tries: 0 });
    expect(await (await sender(context)).round()).toEqual({ delivered: 1, failed: 0 });
    const ids = there.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual([`msg_${sent.id}`, `msg_${sent.id}`]);
  });

  it('that two leaders sent counts once', async () => {
    const there = await receiver();
    const { id } = await hook(context, there.url);
    const sent = await send(context, id);
    const both = [await sender(context), await sender(context)];
    for (const one of both) await one.runOnce();
    await until(() => there.received.length === 2);
    for (const one of both) await one.round();
    expect(await delivery(context, id, sent.id)).toMatchObject({ status: 'delivered', tries: 1 });
  });
});

describe('a receiver that does not answer', () => {
  it('keeps no other waiting', async () => {
    const [silent, there] = [await receiver(() => {}), await receiver()];
    const [slow, quick] = [await hook(context, silent.url), await hook(context, there.url)];
    for (let n = 0; n < 12; n += 1) await send(context, n < 6 ? slow.id : quick.id);
    const one = await sender(context);
    await until(async () => {
      await one.runOnce();
      return (await listed(quick.id, 'delivered')).length === 6;
    });
    expect(silent.received).toHaveLength(4);
  });

  it('is asked one at a time until it answers again', async () => {
    let code = 500;
    const there = await receiver((_, response) => response.writeHead(code).end());
    const { id } = await hook(context, there.url);
    for (let n = 0; n < 30; n += 1) await send(context, id);
    const one = await sender(context);
    await one.round();
    const begun = there.received.length;
    expect(begun).toBeLessThanOrEqual(4);
    await one.round();
    expect(there.received).toHaveLength(begun + 1);
    code = 204;
    await one.round();
    await one.round();
    expect((await listed(id, 'pending')).map(({ tries }) => tries)).toEqual(Array(begun + 1).fill(1));
  });
});
