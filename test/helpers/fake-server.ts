// Something that speaks as much of MySQL's protocol as a client needs until it has logged in: for what no real server does,
// such as having another's certificate, or answering without end. What real servers do is tested with real servers.
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { listen } from './sockets.ts';

export interface FakeServerOptions {
  /** PEM; without them it offers no TLS. */
  tls?: { key: string; cert: string };
  /** Called for each statement; nothing is answered by itself. Without it a login is refused with 1045. */
  onQuery?: (sql: string, connection: FakeConnection) => void;
  /** Called for a login, and for each packet after it until it says `ok`: the server's part of an authentication. */
  onLogin?: (payload: Buffer, connection: FakeConnection) => void;
}

export interface FakeConnection {
  socket: Socket | TLSSocket;
  /** Sends one packet after the last one. */
  send(payload: Buffer): void;
  ok(): void;
}

export interface FakeServer {
  port: number;
  /** Payloads of logins that came, each with whether it came by TLS, and by a TLS session of before. */
  logins: Array<{ payload: Buffer; secure: boolean; resumed: boolean }>;
  connections: number;
  close(): void;
}

const CLIENT_SSL = 0x800;
/** LONG_PASSWORD, FOUND_ROWS, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH. */
const CAPABILITIES = 0x1 | 0x2 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000;
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

export async function fakeServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  // One for all connections, or none could resume the session of another.
  const context = options.tls === undefined ? undefined : createSecureContext(options.tls);
  const fake: FakeServer = {
    port: 0,
    logins: [],
    connections: 0,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  const server = createServer((socket) => {
    fake.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket, context, options, fake);
  });
  fake.port = await listen(server);
  return fake;
}

function serve(
  raw: Socket,
  context: SecureContext | undefined,
  { onQuery, onLogin }: FakeServerOptions,
  fake: FakeServer,
): void {
  let sequence = 0;
  const connection: FakeConnection = {
    socket: raw,
    send(payload) {
      sequence += 1;
      connection.socket.write(packet(sequence, payload));
    },
    ok: () => connection.send(OK),
  };
  raw.write(packet(0, greeting(context !== undefined)));
  let state: 'greeted' | 'secured' | 'in' = 'greeted';
  const take = (payload: Buffer, number: number, rest: Buffer) => {
    sequence = number;
    if (state === 'in') {
      if (payload[0] === 3) onQuery?.(payload.toString('utf8', 1), connection);
      return false;
    }
    if (state === 'greeted' && context !== undefined && (payload.readUInt32LE(0) & CLIENT_SSL) !== 0) {
      state = 'secured';
      raw.removeAllListeners('data');
      raw.pause();
      // The client may not have waited before it began with TLS.
      if (rest.length > 0) raw.unshift(rest);
      const secure = new TLSSocket(raw, { isServer: true, secureContext: context });
      secure.on('error', () => {});
      connection.socket = secure;
      secure.on('data', packets(take));
      return true;
    }
    const { socket } = connection;
    const resumed = socket instanceof TLSSocket && socket.isSessionReused();
    fake.logins.push({ payload: Buffer.from(payload), secure: state === 'secured', resumed });
    if (onLogin !== undefined) onLogin(payload, connection);
    else if (onQuery !== undefined) {
      state = 'in';
      connection.ok();
    } else {
      const code = Buffer.from([0xff, 1045 & 0xff, 1045 >> 8]);
      connection.send(Buffer.concat([code, Buffer.from('#28000Access denied by the fake server')]));
    }
    return false;
  };
  raw.on('data', packets(take));
}

function packet(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence & 0xff;
  return Buffer.concat([header, payload]);
}

/** Cuts a stream into packets, until `take` says that the rest is something else. */
function packets(take: (payload: Buffer, sequence: number, rest: Buffer) => boolean): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const length = held.readUIntLE(0, 3);
      if (held.length < 4 + length) return;
      const payload = held.subarray(4, 4 + length);
      const sequence = held[3]!;
      held = held.subarray(4 + length);
      if (take(payload, sequence, held)) return;
    }
  };
}

function greeting(secure: boolean): Buffer {
  const capabilities = CAPABILITIES | (secure ? CLIENT_SSL : 0);
  const fixed = Buffer.alloc(31);
  fixed.writeUInt32LE(7, 0);
  fixed.write('12345678', 4);
  fixed.writeUInt16LE(capabilities & 0xffff, 13);
  fixed[15] = 45;
  fixed.writeUInt16LE(2, 16);
  fixed.writeUInt16LE(capabilities >>> 16, 18);
  fixed[20] = 21;
  const rest = Buffer.from('123456789012\0mysql_native_password\0');
  return Buffer.concat([Buffer.from('\x0a8.0.99-fake\0', 'latin1'), fixed, rest]);
}
