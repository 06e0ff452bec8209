// As much of the MySQL protocol as a proxy needs to aim: where a packet ends, who greets, which one commits; and of HTTP, which
// request ends attempts and claims tasks.

/** Cuts a stream into whole packets, header included. */
export class Packets {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole: Buffer[] = [];
    while (rest.length >= 4) {
      const end = 4 + rest.readUIntLE(0, 3);
      if (rest.length < end) break;
      whole.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return whole;
  }
}

/** The connection's id from the server's first packet; undefined when it refuses. */
export function greetedId(packet: Buffer): number | undefined {
  if (packet[4] !== 10) return undefined;
  const end = packet.indexOf(0, 5);
  return end === -1 || packet.length < end + 5 ? undefined : packet.readUInt32LE(end + 1);
}

const COM_QUERY = 3;

/** True for a query whose last statement is COMMIT. */
export function commits(packet: Buffer): boolean {
  return packet[4] === COM_QUERY && packet.subarray(-6).toString('latin1').toUpperCase() === 'COMMIT';
}

/** HTTP is passed on as it comes. */
export const CHUNKS: Pick<Packets, 'push'> = { push: (chunk) => [chunk] };

/** True for the beginning of a request that ends attempts and claims tasks. */
export function exchanges(chunk: Buffer): boolean {
  const [line = ''] = chunk.subarray(0, 300).toString('latin1').split('\r\n', 1);
  return line.startsWith('POST ') && line.includes('/exchange ');
}
