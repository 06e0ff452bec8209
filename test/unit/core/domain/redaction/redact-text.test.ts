// Issue 13, B7: what a text tells to be secret, before it is cut.
import { describe, expect, it } from 'vitest';
import { newApiKey } from '../../../../../src/core/access/api-key.ts';
import { redact, redactBeginning } from '../../../../../src/core/domain/redaction/redact.ts';
import { redactText } from '../../../../../src/core/domain/redaction/redact-text.ts';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';
import { newKey } from '../../../../../src/core/secrets/fleet-key.ts';
import { newSecret } from '../../../../../src/core/webhooks/send/signature.ts';

describe('a telling name', () => {
  it.each([
    ['login: password: hunter2', 'login: password: ***'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=*** psql'],
    ['db_password = "hun ter2" here', 'db_password = "***" here'],
    ["{'api_key': 'hunter2', 'n': 1}", "{'api_key': '***', 'n': 1}"],
    ['{"token":"hun\\"ter2","a":1}', '{"token":"***","a":1}'],
    ['{"text":"{\\"token\\":\\"hunter2\\"}"}', '{"text":"{\\"token\\":\\"***\\"}"}'],
    ['GET /a?x=1&access_token=hunter2&y=2 200', 'GET /a?x=1&access_token=***&y=2 200'],
    ['Authorization: Basic aHVudGVyMg==', 'Authorization: ***'],
    ['> proxy-authorization: hunter2 and more\nnext: line', '> proxy-authorization: ***\nnext: line'],
    ['set-cookie: sid=hunter2; Path=/; HttpOnly', 'set-cookie: ***'],
    ['cookie=a=hunter2; b=hunter2 next', 'cookie=*** next'],
    ['curl -H "Cookie: sid=hunter2"', 'curl -H "Cookie: ***'],
    ['data[password]=hunter2&x=1', 'data[password]=***&x=1'],
    ['secret: hunter2', 'secret: ***'],
    ["'client_secret' => 'hunter2',", "'client_secret' => '***',"],
    ['sent Bearer hunter2hunter2hunter2hunter2, refused', 'sent Bearer ***, refused'],
    ['token "hunter2"', 'token "hunter2"'],
  ])('hides what follows it: %s', (text, shown) => {
    expect(redactText(text)).toBe(shown);
    expect(redactText(shown)).toBe(shown);
  });

  it.each([
    'database.password: must be a text',
    'database.password_file: /etc/afd/password is readable by others',
    'Give it the reference secret:shop/42#password.',
    '{"token":"secret:shop/42"}',
    'password: null, token=undefined',
    'if (token == other) return',
    'the token expired',
    `TOKEN=${'$'}{API_TOKEN}`,
    'secret_missing: The secret a does not exist.',
    'tokens: none',
  ])('hides no sentence and no reference: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

it('a known shape is hidden wherever it stands, and its id stays', () => {
  const { text, id } = newApiKey();
  expect(redactText(`x${text}${text}.`)).toBe(`xafd_${id}_***afd_${id}_***.`);
  expect(redactText(`${newSecret()}!`)).toBe('whsec_***!');
  const encoded = encodeURIComponent(`whsec_${'a/b+'.repeat(8)}=`);
  expect(redactText(`?key=${encoded}&x=1`)).toBe('?key=whsec_***&x=1');
  const fleet = newKey();
  expect(redactText(fleet.line)).toBe(`afd-fleet-key-1 ${fleet.id} ***`);
  for (const plain of ['AFD_DATABASE_URL', 'afd_database_connections', 'afd_w1_x'])
    expect(redactText(plain)).toBe(plain);
});

describe('a known value', () => {
  const secret = 'p/ß"w?rd-é1';
  const mask = new SecretMask([secret]);

  it.each([0, 1, 2])('is hidden in base64, %i bytes after a multiple of three', (before) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${'u'.repeat(before + 3)}${secret}:tail`).toString(encoding);
      const shown = mask.apply(text);
      expect(shown).toContain('***');
      expect(Buffer.from(shown.replace('***', ''), encoding).toString()).not.toContain('w?rd');
    }
  });

  it('is hidden as URLs and JSON spell it, with small digits too; of two that begin alike the longer one', () => {
    const url = encodeURIComponent(secret);
    for (const text of [secret, url, url.toLowerCase(), JSON.stringify(secret).slice(1, -1)])
      expect(mask.apply(`a ${text}${text} b`)).toBe('a ****** b');
    expect(new SecretMask(['secret', 'secret-and-more']).apply('secret-and-more')).toBe('***');
    // Shorter than six characters none is masked.
    expect(new SecretMask(['', 'abcde']).apply('abcde')).toBe('abcde');
  });

  it('is hidden before a text is cut, wherever the cut comes', () => {
    const text = `${'x'.repeat(50)}${secret}${'y'.repeat(50)}`;
    for (let most = 1; most < text.length; most += 1) {
      const shown = redactBeginning(text, most, mask);
      for (let n = 0; n + 3 <= secret.length; n += 1) expect(shown).not.toContain(secret.slice(n, n + 3));
      expect(shown).toMatch(/… \(\d+ more characters\)$/);
      const cut = mask.cutBefore(text, most);
      expect(cut).toBeLessThanOrEqual(most);
      expect(cut > 50 && cut < 50 + secret.length).toBe(false);
    }
    expect(mask.cutBefore(text.slice(50), 5)).toBe(secret.length);
    const limits = { values: 10, text: 55, characters: 1000 };
    expect(redact({ text }, { mask, limits })).toEqual({ text: expect.stringMatching(/^x{50}… \(\d+ more/) });
  });

  it('is found among thousands, as among few, and by its beginning where its rest was dropped', () => {
    const many = Array.from({ length: 2000 }, (_, n) => `canary-${n}-of-many`);
    const big = new SecretMask(many, mask);
    expect(big.apply(`a ${many[1999]} b ${secret}${many[7]} c`)).toBe('a *** b ****** c');
    expect(big.apply('canary-x-of-many')).toBe('canary-x-of-many');
    expect(big.applyTorn('ends with canary-17')).toBe('ends with ***');
    expect(mask.applyTorn(`it is ${secret}`)).toBe('it is ***');
    expect(mask.applyTorn('nothing to hide')).toBe('nothing to hide');
  });
});

describe('finding S1: names are looked for in one pass', () => {
  it.each([
    ...['token', 'token=', 'cookie:', 'cookie: a', 'token="', "token='", 'token=\\"', 'token: a ', 'token_file:'],
    ...['token=secret:a', 'secret:', 'token=***', 'token==', 'authorization:', 'cookie=a; ', 'afd_aaaaaaaa_'],
  ])('over %j', (worst) => {
    const steps = (length: number) => {
      const text = worst.repeat(length / worst.length);
      const real = String.prototype.indexOf;
      let read = 0;
      String.prototype.indexOf = function (what, at = 0) {
        const found = real.call(this, what, at);
        read += (found === -1 ? this.length : found) - at;
        return found;
      };
      try {
        redactText(text);
      } finally {
        String.prototype.indexOf = real;
      }
      return read;
    };
    expect(steps(1_000_000)).toBeLessThan(11 * (steps(100_000) + 10_000));
  });
});
