// Ringers and ports of this machine's loopback; no database.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { RingTarget } from '../../../../src/core/db/devices/ring-targets.ts';
import { DEFAULT_POLICY } from '../../../../src/core/domain/placement/policy.ts';
import { decode, encodeReply, NO_COOKIE, type Ring } from '../../../../src/core/ring/datagram.ts';
import { FleetView, MOST_PER_SECOND } from '../../../../src/core/ring/fleet-view.ts';
import { RingReceiver } from '../../../../src/core/ring/ring-receiver.ts';
import { RingSender, type RingSenderOptions } from '../../../../src/core/ring/ring-sender.ts';
import { RingSocket, type Sender } from '../../../../src/core/ring/ring-socket.ts';
import { SentRings } from '../../../../src/core/ring/sent-rings.ts';
import { EAR_TOKEN, type Ear, ear } from '../../../helpers/ring.ts';
import { until } from '../../../helpers/wait.ts';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

const target = (device_id: string, port: number, more: Partial<RingTarget> = {}): RingTarget => ({
  device_id,
  region: null,
  capabilities: { supported_tasks: ['t'] },
  slots: 5,
  running: 0,
  stuck: 0,
  unavailable: null,
  over_limits: [],
  success_rate: null,
  avg_duration_ms: null,
  recent_claims: 0,
  address: '127.0.0.1',
  port,
  token: EAR_TOKEN,
  last_heartbeat: null,
  ...more,
});
/** For tests in which everybody answers, however busy the machine is. */
const PATIENCE_MS = 5000;
const work = { task_type: 't', required_capabilities: null, lane: randomBytes(16), claim_rank: 5, n: 1 };

function sender(targets: RingTarget[], more: Partial<RingSenderOptions> = {}, answerMs?: number): RingSender {
  const view = new FleetView({ loopback: true });
  view.update(targets);
  const made = new RingSender({ view, enabled: true, policy: () => DEFAULT_POLICY, ...more });
  if (answerMs !== undefined) made.answerMs = answerMs;
  closing.push(made);
  return made;
}

async function listen(...args: Parameters<typeof ear>): Promise<Ear> {
  const one = await ear(...args);
  closing.push(one);
  return one;
}

describe('a sender', () => {
  it('says how many tasks were claimed', async () => {
    const one = await listen((ring) => ({ claimed: Math.min(ring.n, 3), running: 3, free: 2 }));
    expect(await sender([target('a', one.port)], {}, PATIENCE_MS).ring({ ...work, n: 9 })).toBe(3);
  });

  it('rings at most two more when nothing is claimed', async () => {
    const ears = await Promise.all(
      Array.from({ length: 4 }, () => listen(() => ({ claimed: 0, running: 0, free: 5 }))),
    );
    const made = sender(
      ears.map((one, n) => target(`d${n}`, one.port)),
      {},
      PATIENCE_MS,
    );
    expect(await made.ring(work)).toBe(0);
    expect(ears.map((one) => one.heard.length).sort()).toEqual([0, 1, 1, 1]);
  });

  it('goes by what a device said of itself until its row is newer', async () => {
    const one = await listen(() => ({ claimed: 1, running: 5, free: 0 }));
    const targets = [target('a', one.port)];
    const made = sender(targets, {}, PATIENCE_MS);
    await made.ring(work);
    expect(made.view.devices()[0]).toMatchObject({ running: 5, recent_claims: 1 });
    made.view.update(targets);
    expect(made.view.devices()[0]).toMatchObject({ running: 0 });
  });

  it('believes no answer that it has not asked for', async () => {
    const figures = { claimed: 0, running: 5, free: 0 };
    const forged = { kind: 'state' as const, sequence: randomBytes(8), cookie: NO_COOKIE, ...figures };
    const socket = await RingSocket.bind('127.0.0.1', 0);
    closing.push(socket);
    const a = await listen((ring) => ({ claimed: ring.n, running: 0, free: 5 }));
    const b = await listen((ring) => {
      // In front of its answer: when that is heard, this was.
      b.send(encodeReply(forged, EAR_TOKEN), socket.port);
      return { claimed: ring.n, running: 0, free: 5 };
    });
    const others = { capabilities: { supported_tasks: ['u'] } };
    const made = sender([target('a', a.port), target('b', b.port, others)], { socket }, PATIENCE_MS);
    const running = () => made.view.devices().map((one) => one.running);
    await made.ring(work);
    await made.ring({ ...work, task_type: 'u' });
    expect(running()).toEqual([0, 0]);
    const { sequence } = await a.next('ring');
    a.send(encodeReply({ ...forged, sequence }, EAR_TOKEN), socket.port);
    await until(() => running()[0] === 5);
  });

  it('counts what it has asked of a device as running there until it answers', async () => {
    const [a, b] = [await listen(), await listen()];
    const made = sender([target('a', a.port), target('b', b.port)]);
    const rung = [made.ring(work), made.ring(work)];
    expect(made.view.devices().map((one) => one.running)).toEqual([1, 1]);
    await Promise.all(rung);
  });

  it('leaves a device alone after two rings without an answer, until it is heard, or is another instance', async () => {
    const deaf = await listen();
    const made = sender([target('deaf', deaf.port)]);
    const { view } = made;
    await made.ring(work);
    expect(view.devices()).toHaveLength(1);
    await made.ring(work);
    expect(view.devices()).toHaveLength(0);
    view.heard('deaf', { running: 0, free: 5 });
    expect(view.devices()).toHaveLength(1);
    view.unanswered('deaf');
    view.unanswered('deaf');
    view.update([target('deaf', 8, { token: randomBytes(16) })]);
    expect(view.devices()).toMatchObject([{ port: 8, running: 0 }]);
  });

  it('is off when nobody answers for long, says so once, and tries again in a while', async () => {
    const told: boolean[] = [];
    const ears = await Promise.all([listen(), listen(), listen()]);
    const good = await listen((ring) => ({ claimed: ring.n, running: 1, free: 4 }));
    const off = async (retryMs: number) => {
      const deaf = ears.map((one, n) => target(`d${n}`, one.port));
      const made = sender(deaf, { offAfterMs: 15, retryMs, onSwitch: (on) => told.push(on) });
      await made.ring(work);
      made.view.update([target('good', good.port)]);
      return made;
    };
    const waits = await off(3_600_000);
    expect(told).toEqual([false]);
    expect(await waits.ring(work)).toBe(0);
    expect(good.bytes).toHaveLength(0);
    const probes = await off(0);
    await probes.ring(work);
    // The answer may come after its time: it counts all the same.
    await until(() => told.length === 3);
    expect(told).toEqual([false, false, true]);
  });

  it('does not ring loopback addresses of a fleet whose database is elsewhere', () => {
    const view = new FleetView({ loopback: false });
    const there = target('there', 7, { address: '192.0.2.7' });
    view.update([target('here', 7), target('here-too', 7, { address: '::1' }), there]);
    expect(view.devices().map((one) => one.device_id)).toEqual(['there']);
  });

  it('does not ring a device more than 50 times a second', () => {
    const view = new FleetView({ loopback: true });
    view.update([target('a', 7)]);
    for (let n = 0; n < MOST_PER_SECOND; n += 1) {
      expect(view.devices()).toHaveLength(1);
      view.rung('a', 1);
      view.answered('a', 1);
    }
    expect(view.devices()).toHaveLength(0);
  });

  it('that is not enabled rings nobody', async () => {
    const one = await listen();
    const made = sender([target('a', one.port)], { enabled: false });
    expect(await made.ring(work)).toBe(0);
    made.ringDevice('a');
    await made.close();
    expect(one.bytes).toHaveLength(0);
  });
});

describe('finding S6: a sender and its device', () => {
  async function device(token: Buffer) {
    const socket = await RingSocket.bind('127.0.0.1', 0);
    const rings: Ring[] = [];
    const receiver = new RingReceiver({
      socket,
      token,
      claim: async (ring) => {
        rings.push(ring);
        return { claimed: 1, running: 1, free: 4 };
      },
      note: () => {},
      figures: () => ({ running: 1, free: 4 }),
    });
    await receiver.start();
    closing.push({ close: () => receiver.stop() }, socket);
    return { socket, rings };
  }

  it('are one datagram more the first time, and later none', async () => {
    const token = randomBytes(16);
    const { socket, rings } = await device(token);
    const made = sender([target('a', socket.port, { token })], {}, PATIENCE_MS);
    const heard: string[] = [];
    socket.onDatagram((bytes) => heard.push(decode(bytes)!.kind));
    expect(await made.ring(work)).toBe(1);
    expect(heard).toHaveLength(2);
    expect(await made.ring(work)).toBe(1);
    expect(heard).toHaveLength(3);
    expect(rings).toHaveLength(2);
  });

  it('an answer that its device did not write changes nothing, though its sequence is right', async () => {
    const forger = await RingSocket.bind('127.0.0.1', 0);
    closing.push(forger);
    const forged: Buffer[] = [];
    forger.onDatagram((bytes, from) => {
      const ring = decode(bytes);
      if (ring?.kind !== 'ring') return;
      for (const kind of ['challenge', 'answer', 'state'] as const) {
        const reply = { kind, sequence: ring.sequence, cookie: randomBytes(8), claimed: 1, running: 5, free: 0 };
        forged.push(encodeReply(reply, randomBytes(16)));
        forger.send(forged.at(-1)!, from);
      }
    });
    const made = sender([target('a', forger.port)]);
    expect(await made.ring(work)).toBe(0);
    await until(() => forged.length >= 3);
    expect(made.view.devices()[0]).toMatchObject({ running: 0 });
    expect(made.view.cookieOf('a')).toBeUndefined();
  });

  it('a challenge that comes late is obeyed all the same: the ring is a hint still', async () => {
    const late = await RingSocket.bind('127.0.0.1', 0);
    closing.push(late);
    const rings: Array<{ ring: Ring; from: Sender }> = [];
    late.onDatagram((bytes, from) => void rings.push({ ring: decode(bytes) as Ring, from }));
    const made = sender([target('a', late.port)]);
    expect(await made.ring(work)).toBe(0);
    await until(() => rings.length > 0);
    const { ring, from } = rings[0]!;
    const cookie = randomBytes(8);
    const reply = { kind: 'challenge' as const, sequence: ring.sequence, cookie, claimed: 0, running: 0, free: 0 };
    late.send(encodeReply(reply, EAR_TOKEN), from);
    expect((await until(() => rings[1])).ring).toEqual({ ...ring, cookie });
  });

  it('what is closed waits until each device has said something', async () => {
    const rings: Ring[] = [];
    const sent = new SentRings(() => {});
    const ring = { directed: false, hops: 0, ...work };
    const write = (bytes: Buffer) => void rings.push(decode(bytes) as Ring);
    const asked = { device_id: 'a', token: EAR_TOKEN, cookie: undefined, ring, waitMs: 0, write };
    await Promise.all([sent.send(asked), sent.send(asked)]);
    let over = false;
    const heard = sent.heard(3_600_000).then(() => {
      over = true;
    });
    for (const { sequence } of rings.slice(0, 2)) {
      expect(over).toBe(false);
      const reply = { kind: 'challenge' as const, sequence, cookie: randomBytes(8), claimed: 0, running: 0, free: 0 };
      sent.hear(encodeReply(reply, EAR_TOKEN));
    }
    await heard;
    expect(rings).toHaveLength(4);
  });

  it('a challenge is obeyed once', async () => {
    const never = await RingSocket.bind('127.0.0.1', 0);
    closing.push(never);
    let rung = 0;
    never.onDatagram((bytes, from) => {
      const ring = decode(bytes);
      if (ring?.kind !== 'ring') return;
      rung += 1;
      const figures = { claimed: 0, running: 0, free: 0 };
      const reply = { kind: 'challenge' as const, sequence: ring.sequence, cookie: randomBytes(8), ...figures };
      never.send(encodeReply(reply, EAR_TOKEN), from);
    });
    const made = sender([target('a', never.port)], {}, 100);
    expect(await made.ring(work)).toBe(0);
    expect(rung).toBe(2);
  });
});

describe('finding S5: what nobody foresaw', () => {
  it('a port, an address or a device that is none costs its ring, and raises no error', async () => {
    const problems: unknown[] = [];
    const onProblem = (error: unknown) => problems.push(error);
    const odd = [
      target('port', 70_000),
      target('negative', -1),
      target('name', 9, { address: 'example.com' }),
      target('none', 9, { address: '' }),
      target('all', 9, { address: '255.255.255.255' }),
    ];
    for (const one of odd) expect(await sender([one], { onProblem }, 5).ring(work)).toBe(0);
    expect(problems).toEqual([]);
  });

  it('whatever fails on the way to a ring, the ring settles with nothing claimed', async () => {
    const broken = new Error('broken');
    const fail = () => {
      throw broken;
    };
    const capabilities = {
      get supported_tasks(): string[] {
        return fail();
      },
    };
    const problems: unknown[] = [];
    const onProblem = (error: unknown) => problems.push(error);
    const rejecting = { device_id: 'a', ring: async () => fail() };
    const cases = [
      sender([target('a', 9)], { onProblem, policy: fail }),
      sender([target('a', 9, { capabilities })], { onProblem }),
      sender([target('a', 9)], { onProblem, self: rejecting }),
    ];
    for (const [n, one] of cases.entries()) {
      expect(await one.ring(work)).toBe(0);
      if (n < 2) one.passOn(work);
      one.ringDevice('a');
      await one.close();
    }
    expect(problems).toEqual([broken, broken, broken, broken, broken]);
  });

  it('an answer to port 0, from which a forged datagram may come, is not sent', async () => {
    const socket = await RingSocket.bind('127.0.0.1', 0);
    closing.push(socket);
    for (const to of [
      { address: '127.0.0.1', port: 0 },
      { address: '127.0.0.1', port: 70_000 },
      { address: '', port: 9 },
    ]) {
      expect(() => socket.send(Buffer.alloc(18), to)).not.toThrow();
    }
  });
});
