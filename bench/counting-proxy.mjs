// A proxy between a worker and its MySQL that counts. A statement says nothing about the network: afd sends several in
// one packet, with a semicolon and a line break between. So: one command of the client = one round trip; errors are
// counted by their number as the server sends them.
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

const ERROR = 0xff;
const SEPARATOR = ';\n';

/** `upstream`: {host, port} or {socketPath}. `delayMs`: how much later everything arrives, in each direction. */
export async function countingProxy(upstream, { delayMs = 0 } = {}) {
  const counts = { roundTrips: 0, separators: 0, errors: new Map() };
  const sockets = new Set();
  const server = createServer((client) => {
    const database = createConnection(upstream.socketPath === undefined ? upstream : { path: upstream.socketPath });
    for (const one of [client, database]) {
      sockets.add(one.setNoDelay(true));
      one.on('error', () => {});
    }
    // Sequence number 0 begins a command; the answer to the handshake, which begins with 1, is none.
    const asked = packets((sequence) => {
      if (sequence === 0) counts.roundTrips += 1;
    });
    const statements = (chunk) => {
      for (let at = chunk.indexOf(SEPARATOR); at >= 0; at = chunk.indexOf(SEPARATOR, at + 1)) counts.separators += 1;
    };
    const answered = packets((_sequence, first, errno) => {
      if (first === ERROR) counts.errors.set(errno, (counts.errors.get(errno) ?? 0) + 1);
    });
    carry(client.on('data', asked).on('data', statements), database, delayMs);
    carry(database.on('data', answered), client, delayMs);
    for (const [one, other] of [
      [client, database],
      [database, client],
    ]) {
      one.once('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }).listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: server.address().port,
    counts,
    close() {
      for (const one of sockets) one.destroy();
      server.close();
    },
  };
}

function carry(from, to, delayMs) {
  if (delayMs === 0) from.pipe(to);
  else from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
}

/** Calls `seen(sequence, first byte, error number)` for each packet of a stream that comes in any pieces. */
function packets(seen) {
  const head = Buffer.alloc(7);
  let have = 0;
  let left = 0;
  const tell = (length) =>
    seen(head[3], length > 0 ? head[4] : undefined, length >= 3 ? head.readUInt16LE(5) : undefined);
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const skipped = Math.min(left, chunk.length - at);
        left -= skipped;
        at += skipped;
        continue;
      }
      const length = have >= 4 ? head.readUIntLE(0, 3) : Number.POSITIVE_INFINITY;
      const wanted = have < 4 ? 4 : 4 + Math.min(3, length);
      const some = Math.min(wanted - have, chunk.length - at);
      chunk.copy(head, have, at, at + some);
      have += some;
      at += some;
      if (have < 4) continue;
      const size = head.readUIntLE(0, 3);
      const whole = 4 + Math.min(3, size);
      if (have < whole) continue;
      tell(size);
      left = size + 4 - whole;
      have = 0;
    }
  };
}
