// A TCP proxy in front of the test server that reads what is sent to it: commands, statements, claims, and bytes back. It can
// be a slow link. Other tests use the server at the same time, so that its own counters say nothing.
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseAddress } from '../../src/core/db/session.ts';
import type { TestDatabase } from './database.ts';

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

export interface MeteredProxy {
  /** The same schema, by way of the proxy. */
  db: TestDatabase;
  now(): Metered;
  /** How often each kind of command came, for a message. */
  kinds(): string;
  /** Bytes per second from the server; 0 = as fast as it goes. */
  limit(bytesPerSecond: number): void;
  /** Cuts what is open, and lets nobody in. */
  cut(): void;
  /** Lets clients in again. */
  restore(): void;
  /** Milliseconds that each answer is late. */
  delay(milliseconds: number): void;
  close(): void;
}

const COM_QUERY = 3;

/** afd's own sessions put this between the statements of one batch (Session.batch). */
const SEPARATOR = ';\n';

export async function meteredProxy(db: TestDatabase): Promise<MeteredProxy> {
  const { address } = db;
  const count: Metered = {
    ...{
      roundTrips: 0,
      statements: 0,
      connections: 0,
      claims: 0,
      seeks: 0,
      laneReads: 0,
      ticks: 0,
      heartbeats: 0,
      bytes: 0,
    },
  };
  const kinds = new Map<string, number>();
  const link = { bytesPerSecond: 0, delayMs: 0, away: false };
  const sockets = new Set<Socket>();
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
  const server = createServer((client) => {
    count.connections += 1;
    if (link.away) {
      client.destroy();
      return;
    }
    const upstream = dial(target(address));
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', commands(command)).pipe(upstream);
    void carry(upstream, client, count, link).catch(() => client.destroy());
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const password = address.password === undefined ? '' : `:${encodeURIComponent(address.password)}`;
  const { user, database } = address;
  const login = { user, database, ...(address.password === undefined ? {} : { password: address.password }) };
  return {
    db: {
      ...db,
      address: { host: '127.0.0.1', port, ...login },
      url: `mysql://${encodeURIComponent(user)}${password}@127.0.0.1:${port}/${database}`,
    },
    now: () => ({ ...count }),
    kinds: () => [...kinds].map(([kind, n]) => `${n} × ${kind}`).join('\n'),
    limit: (bytesPerSecond) => {
      link.bytesPerSecond = bytesPerSecond;
    },
    delay: (milliseconds) => {
      link.delayMs = milliseconds;
    },
    cut: () => {
      link.away = true;
      for (const one of sockets) one.destroy();
    },
    restore: () => {
      link.away = false;
    },
    close: () => {
      for (const one of sockets) one.destroy();
      server.close();
    },
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

/** Calls `seen` with each command; sequence number 0 begins one, the answers of the handshake have others. */
function commands(seen: (body: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUIntLE(0, 3);
      if (rest.length < end) return;
      if (rest[3] === 0) seen(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  };
}

/** Where the statement begins: a client that has query attributes agreed with MySQL 8 sends two counts before it, 0 and 1. */
const startOfText = (query: Buffer) => (query[1] === 0 && query[2] === 1 ? 3 : 1);

function target(address: DatabaseAddress) {
  return address.socketPath === undefined
    ? { host: address.host ?? '127.0.0.1', port: address.port ?? 3306 }
    : { path: address.socketPath };
}
