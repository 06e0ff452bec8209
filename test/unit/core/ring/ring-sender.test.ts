// Ringers and ports of this machine's loopback; no database.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { RingTarget } from '../../../../src/core/db/devices/ring-targets.ts';
import { DEFAULT_POLICY } from '../../../../src/core/domain/placement/policy.ts';
import { decode, encodeReply, NO_COOKIE, type Reply, type Ring } from '../../../../src/core/ring/datagram.ts';
import { FleetView, MOST_PER_SECOND } from '../../../../src/core/ring/fleet-view.ts';
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
  ...{ device_id, region: null, capabilities: { supported_tasks: ['t'] }, slots: 5, running: 0, stuck: 0 },
  ...{ unavailable: null, over_limits: [], success_rate: null, avg_duration_ms: null, recent_claims: 0 },
  ...{ address: '127.0.0.1', port, token: EAR_TOKEN, last_heartbeat: null },
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
const ids = (view: FleetView) => view.devices().map((one) => one.device_id);
const running = ({ view }: RingSender) => view.devices().map((one) => one.running);

async function listen(...args: Parameters<typeof ear>): Promise<Ear> {
  const one = await ear(...args);
  closing.push(one);
  return one;
}

const reply = (kind: Reply['kind'], sequence: Buffer, figures = {}): Reply => ({
  ...{ kind, sequence, cookie: randomBytes(8), claimed: 0, running: 0, free: 0 },
  ...figures,
});

describe('a sender', () => {
  it('says how many tasks were claimed', async () => {
    const one = await listen((ring) => ({ claimed: Math.min(ring.n, 3), running: 3, free: 2 }));
    expect(await sender([target('a', one.port)], {}, PATIENCE_MS).ring({ ...work, n: 9 })).toBe(3);
  });

  it('rings at most two more when nothing is claimed', async () => {
    const nothing = () => listen(() => ({ claimed: 0, running: 0, free: 5 }));
    const ears = await Promise.all([nothing(), nothing(), nothing(), nothing()]);
    const targets = ears.map((one, n) => target(`d${n}`, one.port));
    expect(await sender(targets, {}, PATIENCE_MS).ring(work)).toBe(0);
    expect(ears.map((one) => one.heard.length).sort()).toEqual([0, 1, 1, 1]);
  });

  it('goes by what a device said of itself until its row is newer', async () => {
    const one = await listen(() => ({ claimed: 1, running: 5, free: 0 }));
    const targets = [target('a', one.port)];
    const made = sender(targets, {}, PATIENCE_MS);
    await made.ring(work);
    expect(made.view.devices()).toMatchObject([{ running: 5, recent_claims: 1 }]);
    made.view.update(targets);
    expect(running(made)).toEqual([0]);
  });

  it('believes no answer that it has not asked for', async () => {
    const figures = { running: 5, free: 0 };
    const socket = await RingSocket.bind('127.0.0.1', 0);
    closing.push(socket);
    const a = await listen((ring) => ({ claimed: ring.n, running: 0, free: 5 }));
    const b = await listen((ring) => {
      // In front of its answer: when that is heard, this was.
      b.send(encodeReply(reply('state', randomBytes(8), figures), EAR_TOKEN), socket.port);
      return { claimed: ring.n, running: 0, free: 5 };
    });
    const others = { capabilities: { supported_tasks: ['u'] } };
    const made = sender([target('a', a.port), target('b', b.port, others)], { socket }, PATIENCE_MS);
    await made.ring(work);
    await made.ring({ ...work, task_type: 'u' });
    expect(running(made)).toEqual([0, 0]);
    const { sequence } = await a.next('ring');
    a.send(encodeReply(reply('state', sequence, figures), EAR_TOKEN), socket.port);
    await until(() => running(made)[0] === 5);
  });

  it('counts what it has asked of a device as running there until it answers', async () => {
    const [a, b] = [await listen(), await listen()];
    const made = sender([target('a', a.port), target('b', b.port)]);
    const rung = [made.ring(work), made.ring(work)];
    expect(running(made)).toEqual([1, 1]);
    await Promise.all(rung);
  });

  it('rings the next one when one is deaf, and leaves that alone after two rings, until it is heard, or is another instance', async () => {
    const deaf = await listen();
    const good = await listen((ring) => ({ claimed: ring.n, running: 4, free: 1 }));
    const made = sender([target('deaf', deaf.port), target('good', good.port, { running: 4 })]);
    const { view } = made;
    await made.ring(work);
    await good.next('ring');
    expect(ids(view)).toContain('deaf');
    await made.ring(work);
    expect(ids(view)).not.toContain('deaf');
    view.heard('deaf', { running: 0, free: 5 });
    expect(ids(view)).toContain('deaf');
    for (const _ of [1, 2]) view.unanswered('deaf');
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
    expect(await waits.ring(work)).toBe(0);
    expect([told, good.bytes]).toEqual([[false], []]);
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
    expect(ids(view)).toEqual(['there']);
  });

  it('does not ring a device more than 50 times a second', () => {
    const view = new FleetView({ loopback: true });
    view.update([target('a', 7)]);
    for (let n = 0; n < MOST_PER_SECOND; n += 1) {
      expect(ids(view)).toEqual(['a']);
      view.rung('a', 1);
      view.answered('a', 1);
    }
    expect(ids(view)).toEqual([]);
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
  /** A device that keeps the rings which it hears. */
  async function silent(answer?: (ring: Ring, from: Sender, socket: RingSocket) => void) {
    const socket = await RingSocket.bind('127.0.0.1', 0);
    closing.push(socket);
    const rings: Array<{ ring: Ring; from: Sender }> = [];
    socket.onDatagram((bytes, from) => {
      const ring = decode(bytes) as Ring;
      rings.push({ ring, from });
      answer?.(ring, from, socket);
    });
    return { socket, rings, target: target('a', socket.port) };
  }

  it('are one datagram more the first time, and later none', async () => {
    const cookie = randomBytes(8);
    const device = await silent((ring, from, socket) => {
      const kind = ring.cookie.equals(cookie) ? 'answer' : 'challenge';
      socket.send(encodeReply({ ...reply(kind, ring.sequence, { claimed: 1, free: 4 }), cookie }, EAR_TOKEN), from);
    });
    const made = sender([device.target], {}, PATIENCE_MS);
    expect([await made.ring(work), device.rings.length]).toEqual([1, 2]);
    expect([await made.ring(work), device.rings.length]).toEqual([1, 3]);
  });

  it('an answer that its device did not write changes nothing, though its sequence is right', async () => {
    let forged = 0;
    const forger = await silent((ring, from, socket) => {
      for (const kind of ['challenge', 'answer', 'state'] as const) {
        const told = reply(kind, ring.sequence, { claimed: 1, running: 5 });
        socket.send(encodeReply(told, randomBytes(16)), from);
        forged += 1;
      }
    });
    const made = sender([forger.target]);
    expect(await made.ring(work)).toBe(0);
    await until(() => forged >= 3);
    expect([running(made), made.view.cookieOf('a')]).toEqual([[0], undefined]);
  });

  it('a challenge that comes late is obeyed all the same, once: the ring is a hint still', async () => {
    const late = await silent();
    const made = sender([late.target]);
    expect(await made.ring(work)).toBe(0);
    const { ring, from } = await until(() => late.rings[0]);
    const [first, second] = [reply('challenge', ring.sequence), reply('challenge', ring.sequence)];
    for (const one of [first, second]) late.socket.send(encodeReply(one, EAR_TOKEN), from);
    await until(() => made.view.cookieOf('a')?.equals(second.cookie));
    await made.close();
    await until(() => late.rings.length > 1);
    expect(late.rings.slice(1).map((one) => one.ring)).toEqual([{ ...ring, cookie: first.cookie }]);
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
      sent.hear(encodeReply(reply('challenge', sequence), EAR_TOKEN));
    }
    await heard;
    expect(rings).toHaveLength(4);
  });
});

describe('finding S5: what nobody foresaw', () => {
  it('a port or an address that is none costs its ring, and raises no error', async () => {
    const problems: unknown[] = [];
    const onProblem = (error: unknown) => problems.push(error);
    for (const [port, address] of [
      [70_000, '127.0.0.1'],
      [9, 'example.com'],
      [9, '255.255.255.255'],
    ] as const) {
      expect(await sender([target('odd', port, { address })], { onProblem }, 5).ring(work)).toBe(0);
    }
    expect(problems).toEqual([]);
    const socket = await RingSocket.bind('127.0.0.1', 0);
    closing.push(socket);
    // From port 0 a forged datagram may come.
    expect(() => socket.send(NO_COOKIE, { address: '127.0.0.1', port: 0 })).not.toThrow();
  });

  it('whatever fails on the way to a ring, the ring settles with nothing claimed', async () => {
    const broken = new Error('broken');
    const fail = () => {
      throw broken;
    };
    const problems: unknown[] = [];
    const onProblem = (error: unknown) => problems.push(error);
    const unplanned = sender([target('a', 9)], { onProblem, policy: fail });
    expect(await unplanned.ring(work)).toBe(0);
    unplanned.passOn(work);
    const self = { device_id: 'a', ring: async () => fail() };
    expect(await sender([target('a', 9)], { onProblem, self }).ring(work)).toBe(0);
    expect(problems).toEqual([broken, broken, broken]);
  });
});
