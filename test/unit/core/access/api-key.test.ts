import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newApiKey, parseApiKey } from '../../../../src/core/access/api-key.ts';

describe('an API key', () => {
  it('begins with afd_ and its id, and is 64 characters long', () => {
    const { text, id, hash } = newApiKey();
    expect(text).toMatch(/^afd_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
    expect(text.split('_')[1]).toBe(id);
    expect(hash).toEqual(createHash('sha256').update(text).digest());
    expect(parseApiKey(text)).toEqual({ id, hash });
  });

  it('is new each time', () => {
    expect(new Set(Array.from({ length: 100 }, () => newApiKey().text)).size).toBe(100);
  });

  it('with one other character is none: a mistake is found before the database is asked', () => {
    const { text } = newApiKey();
    for (let at = 0; at < text.length; at += 1) {
      const other = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
      expect([at, parseApiKey(other)]).toEqual([at, undefined]);
    }
  });

  it.each(['', 'afd_', '0', '[]', '{}', 'true', 'null', `afd_${'a'.repeat(60)}`, ' '.repeat(64)])('is not %j', (text) =>
    expect(parseApiKey(text)).toBeUndefined(),
  );
});
