// RB1: a fresh installation has no secret that somebody else has too.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseApiKey } from '../../src/core/access/api-key.ts';
import { CONFIG_KEYS } from '../../src/core/config/config-keys.ts';
import { configSchema } from '../../src/core/config/config-schema.ts';
import { getValue } from '../../src/core/config/dotted.ts';
import { SECRET_NAME } from '../../src/core/domain/redaction/secret-names.ts';
import { parseKeys } from '../../src/core/secrets/fleet-key.ts';
import { isSecret } from '../../src/core/webhooks/send/signature.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  }),
) as [{ files: Array<{ path: string }> }];
const files = packed.files.map(({ path }) => [path, readFileSync(`${ROOT}${path}`, 'utf8')] as const);
/** What examples call a password. */
const PLACEHOLDERS = /^(?:password|secret|pw|p|12\/rest|\*\*\*|\$\{.*|<.*|…|%.*)$/i;

const found = (fits: (text: string) => string[]) =>
  files.flatMap(([path, text]) => fits(text).map((one) => `${path}: ${one}`));

describe('RB1 a fresh installation', () => {
  it('consists of more than a few files', () => {
    expect(files.length).toBeGreaterThan(300);
  });

  it('has no key, no signing secret, no key of a fleet and no private key', () => {
    expect(
      found((text) =>
        (text.match(/afd_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}/g) ?? []).filter((one) => parseApiKey(one)),
      ),
    ).toEqual([]);
    expect(found((text) => (text.match(/whsec_[0-9A-Za-z+/=]+/g) ?? []).filter(isSecret))).toEqual([]);
    expect(found((text) => (text.match(/afd-fleet-key-1 \S+ \S+/g) ?? []).filter(isFleetKey))).toEqual([]);
    expect(found((text) => text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/g) ?? [])).toEqual([]);
  });

  it('has no address with a password that could be somebody’s', () => {
    const passwords = (text: string) =>
      [...text.matchAll(/\b(?:mysql|mariadb|https?):\/\/[\w.-]{1,60}:([^\s@"'`]{1,60})@/g)]
        .map(([, one]) => one!)
        .filter((one) => !PLACEHOLDERS.test(one));
    expect(found(passwords)).toEqual([]);
  });

  it('has no value for any setting that is a secret', () => {
    const defaults = configSchema.parse({});
    const secret = CONFIG_KEYS.filter((key) => SECRET_NAME.test(key) && !/_(file|credential|command)$/.test(key));
    expect(secret).toEqual(expect.arrayContaining(['database.password', 'master.api_key']));
    for (const key of secret)
      if (typeof getValue(defaults, key) !== 'object') expect([key, getValue(defaults, key)]).toEqual([key, undefined]);
  });

  it('makes no account, key or secret in the database', () => {
    const migrations = files.filter(([path]) => path.startsWith('migrations/'));
    expect(migrations.length).toBeGreaterThan(0);
    for (const [path, text] of migrations)
      expect([path, /INSERT INTO \S*(?:api_key|secret|webhook|user)/i.test(text)]).toEqual([path, false]);
  });
});

function isFleetKey(line: string): boolean {
  try {
    return parseKeys(line).length > 0;
  } catch {
    return false;
  }
}
