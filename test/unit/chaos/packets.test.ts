import { describe, expect, it } from 'vitest';
import { commits, greetedId, Packets } from '../../chaos/packets.ts';

function packet(payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([header, payload]);
}
const query = (sql: string) => packet(Buffer.concat([Buffer.from([3]), Buffer.from(sql)]));

describe('the packets that the proxy aims at', () => {
  it('are put together from any pieces', () => {
    const whole = [query('SELECT 1'), query('COMMIT')];
    const stream = Buffer.concat(whole);
    for (let size = 1; size <= stream.length; size += 1) {
      const packets = new Packets();
      const found: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...packets.push(stream.subarray(at, at + size)));
      expect(found).toEqual(whole);
    }
  });

  it('commit when their last statement is COMMIT', () => {
    expect(commits(query('COMMIT'))).toBe(true);
    expect(commits(query('UPDATE x SET y = 1;\nCOMMIT'))).toBe(true);
    expect(commits(query("SELECT 'COMMIT' AS word"))).toBe(false);
    expect(commits(packet(Buffer.from([1])))).toBe(false);
  });

  it('greet with the id of the connection', () => {
    const id = Buffer.alloc(4);
    id.writeUInt32LE(70_000);
    expect(greetedId(packet(Buffer.concat([Buffer.from([10]), Buffer.from('9.7.4\0'), id])))).toBe(70_000);
    expect(greetedId(packet(Buffer.from([0xff, 0x10, 0x04])))).toBeUndefined();
  });
});
