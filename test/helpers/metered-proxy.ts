// A TCP proxy in front of the test server that reads what is sent to it: commands, statements, claims, and bytes back. It can
// be a slow link. Other tests use the server at the same time, so that its own counters say nothing.
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Packets } from '../chaos/packets.ts';
import type { TestDatabase } from './database.ts';
import { byPort, placeOf, relay } from './sockets.ts';

export interface Metered {
  roundTrips: number;
  statements: number;
  /** Opened by clients. */
  connections: number;
  /** Transactions that ask for tasks. */
  claims: number;
  /** Steps from one (lane, rank) with tasks to the next. */
  seeks: number;
  /** Reads of a lane that a ring named. */
  laneReads: number;
  ticks: number;
  heartbeats: number;
  /** From the server. */
  bytes: number;
}

export type MeteredProxy = Awaited<ReturnType<typeof meteredProxy>>;

const COM_QUERY = 3;

/** afd's own sessions put this between the statements of one batch (Session.batch). */
const SEPARATOR = ';\n';

export async function meteredProxy(db: TestDatabase) {
  const count: Metered = {
    ...{ roundTrips: 0, statements: 0, connections: 0, bytes: 0 },
    ...{ claims: 0, seeks: 0, laneReads: 0, ticks: 0, heartbeats: 0 },
  };
  const kinds = new Map<string, number>();
  const link = { bytesPerSecond: 0, delayMs: 0, away: false };
  const command = (body: Buffer) => {
    count.roundTrips += 1;
    if (body[0] !== COM_QUERY) return;
    const text = body.toString('latin1', startOfText(body));
    count.statements += text.split(SEPARATOR).length;
    const claims = text.includes('SELECT operator_state, status, instance_token');
    if (claims) count.claims += 1;
    if (text.slice(0, 120).includes("'device' AS kind")) count.ticks += 1;
    if (text.startsWith('SELECT lane, claim_rank, due_at')) count.seeks += 1;
    if (text.startsWith('SELECT lane, task_type')) count.laneReads += 1;
    if (/last_heartbeat = (UTC_|CURRENT_|NOW)/.test(text)) count.heartbeats += 1;
    const kind = `${claims ? 'claim ' : ''}${text.replace(/\s+/g, ' ').slice(0, 50)}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  };
  const target = () => {
    count.connections += 1;
    return link.away ? undefined : placeOf(db.address);
  };
  const { port, drop, close } = await relay(target, (client, upstream) => {
    const packets = new Packets();
    // Sequence number 0 begins a command; the answers of the handshake have others.
    client.on('data', (chunk) => {
      for (const one of packets.push(chunk)) if (one[3] === 0) command(one.subarray(4));
    });
    client.pipe(upstream);
    void carry(upstream, client, count, link).catch(() => client.destroy());
  });
  return {
    /** The same schema, by way of the proxy. */
    db: { ...db, ...byPort(db.address, port) } as TestDatabase,
    now: (): Metered => ({ ...count }),
    /** How often each kind of command came, for a message. */
    kinds: () => [...kinds].map(([kind, n]) => `${n} × ${kind}`).join('\n'),
    /** 0 = as fast as it goes. */
    limit(bytesPerSecond: number) {
      link.bytesPerSecond = bytesPerSecond;
    },
    /** Of each answer. */
    delay(milliseconds: number) {
      link.delayMs = milliseconds;
    },
    /** Cuts what is open, and lets nobody in. */
    cut() {
      link.away = true;
      drop();
    },
    /** Lets clients in again. */
    restore() {
      link.away = false;
    },
    close,
  };
}

/** What the server says, at the speed of the link. */
async function carry(from: Socket, to: Socket, count: Metered, link: { bytesPerSecond: number; delayMs: number }) {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    count.bytes += chunk.length;
    if (link.delayMs > 0) await pause(link.delayMs);
    if (link.bytesPerSecond > 0) await pause((1000 * chunk.length) / link.bytesPerSecond);
    to.write(chunk);
  }
}

/** Where the statement begins: a client that has query attributes agreed with MySQL 8 sends two counts before it, 0 and 1. */
const startOfText = (query: Buffer) => (query[1] === 0 && query[2] === 1 ? 3 : 1);
