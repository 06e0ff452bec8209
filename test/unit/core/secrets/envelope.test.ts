import { describe, expect, it } from 'vitest';
import { open, seal } from '../../../../src/core/secrets/envelope.ts';
import { fleetKey, newKey, parseKeys } from '../../../../src/core/secrets/fleet-key.ts';
import { sealFor, TransferKey } from '../../../../src/core/secrets/transfer.ts';

const key = fleetKey(Buffer.alloc(32, 7));
const IDENTITY = { name: 'shop/42', version: 3 };
const VALUE = { user: 'anna', password: 'canary-of-the-shop' };

describe('RB8 a sealed value', () => {
  it('opens with its key, its name and its version, and shows nothing of itself', () => {
    const row = seal(key, IDENTITY, VALUE);
    expect(open(key, IDENTITY, row)).toEqual(VALUE);
    const text = Buffer.concat([row.wrapped_key, row.sealed]).toString('latin1');
    for (const part of ['canary', 'anna', 'password']) expect(text).not.toContain(part);
    // A data key and a nonce of its own each time.
    expect(seal(key, IDENTITY, VALUE).sealed.equals(row.sealed)).toBe(false);
    expect(() => open(key, IDENTITY, { ...row, wrapped_key: seal(key, IDENTITY, VALUE).wrapped_key })).toThrow();
  });

  it('does not open when any bit of it is flipped, or its end is missing', () => {
    const row = seal(key, IDENTITY, 'canary');
    for (const part of ['wrapped_key', 'sealed'] as const) {
      for (let bit = 0; bit < row[part].length * 8; bit += 1) {
        const bytes = Buffer.from(row[part]);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => open(key, IDENTITY, { ...row, [part]: bytes }), `${part} ${bit}`).toThrow();
      }
      for (let length = 0; length < row[part].length; length += 1)
        expect(() => open(key, IDENTITY, { ...row, [part]: row[part].subarray(0, length) })).toThrow();
    }
  });

  it('does not open under another name, version, key id or key', () => {
    const row = seal(key, IDENTITY, VALUE);
    const other = fleetKey(Buffer.alloc(32, 8));
    for (const identity of [{ name: 'shop/43' }, { version: 4 }])
      expect(() => open(key, { ...IDENTITY, ...identity }, row)).toThrow();
    for (const [one, key_id] of [
      [key, other.id],
      [other, key.id],
      [other, other.id],
    ] as const)
      expect(() => open(one, IDENTITY, { ...row, key_id })).toThrow();
  });
});

describe('the text of keys', () => {
  it('is read back, the first one first, without lines that are empty, comments or repeated', () => {
    const [one, two] = [newKey(), newKey()];
    const text = `# head\n${one.line}\n\n ${two.line} \r\n${one.line}\n`;
    expect(parseKeys(text).map(({ id }) => id)).toEqual([one.id, two.id]);
  });

  it('is refused when it is damaged, without a word of it in the error', () => {
    const { line } = newKey();
    const [format, id, spelled] = line.split(' ') as [string, string, string];
    const wrong = [
      ...['', '# nothing', spelled, `${format} ${id}`, `${format} ${id} ${spelled.slice(1)}`],
      ...[`${format} ${id} ${spelled}=`, `${format} ${id} ${spelled} more`, `afd-fleet-key-2 ${id} ${spelled}`],
      ...[`${format} 0123456789abcdef ${spelled}`, `${line}\nsomething else`],
    ];
    for (const text of wrong) {
      expect(() => parseKeys(text), text).toThrow(/line \d|no key/);
      expect(() => parseKeys(text), text).not.toThrow(spelled.slice(1, 20));
    }
  });
});

describe('the way from a gateway to a device', () => {
  it('opens with the key of the question alone, and shows nothing', () => {
    const [asked, other] = [new TransferKey(), new TransferKey()];
    const answer = sealFor(asked.publicKey, VALUE);
    expect(asked.open(answer)).toEqual(VALUE);
    expect(Buffer.from(answer.sealed, 'base64').toString('latin1')).not.toContain('canary');
    expect(() => other.open(answer)).toThrow();
    for (const wrong of ['', 'AAAA', Buffer.alloc(44).toString('base64')]) expect(() => sealFor(wrong, 1)).toThrow();
    expect(() => asked.open({ ...answer, public_key: other.publicKey })).toThrow();
    const bytes = Buffer.from(answer.sealed, 'base64');
    bytes[20]! ^= 1;
    expect(() => asked.open({ ...answer, sealed: bytes.toString('base64') })).toThrow();
  });
});
