// As much of the MySQL protocol as a proxy needs to aim: where a packet ends, who greets, which one commits.

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
