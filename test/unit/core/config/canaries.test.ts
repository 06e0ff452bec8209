// Finding S9: whatever is wrong with a configuration, no message has a piece of a secret in it.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS } from '../../../../src/core/config/config-keys.ts';
import { setValue } from '../../../../src/core/config/dotted.ts';
import { type LoadOptions, resolveConfig } from '../../../../src/core/config/load-config.ts';
import { viewConfig } from '../../../../src/core/settings/config-view.ts';
import { folder } from './config-folder.ts';

const CANARY = 'hunter2';
/** A password that needs quotes or an encoding, with the canary behind, before and between what is special. */
const SPECIAL = [...'?*|#!&@%`:,;/\\\'"[]{}<>=~+-$^() \t'].flatMap((one) => [
  ...[`${one}${CANARY}`, `12${one}${CANARY}`, `${CANARY}${one}`, `${CANARY}${one}34`, `a${one} ${CANARY}`],
]);
SPECIAL.push(...['* ', '| ', '12/', '&a ', '!!'].map((sign) => `${sign}${CANARY}`));
SPECIAL.push(`12?${CANARY}=1&x`, `a, ${CANARY}: b`);

/** All that is said of a configuration: a message with its data; or its warnings, and what "config show" shows. */
async function said(yaml: string | undefined, options: Partial<LoadOptions> = {}): Promise<string> {
  const cwd = folder(yaml === undefined ? {} : { 'afd.yaml': yaml });
  try {
    const resolved = await resolveConfig({ cwd, env: {}, ...options });
    return JSON.stringify([resolved.warnings, viewConfig(resolved)]);
  } catch (error) {
    const { name, message, data, suggestions } = error as Error & { data: unknown; suggestions: string[] };
    expect(name, message).toBe('AfdError');
    return JSON.stringify([message, data, suggestions]);
  }
}

const ofEnv = (env: Record<string, string>) => said('database: { host: h }', { env });
const quoted = (one: string) => one.replaceAll("'", "''");

function inFile(secret: string) {
  const cwd = folder({ 'afd.yaml': 'database: { host: h, user: u, name: s, password_file: pw }', pw: secret });
  chmodSync(join(cwd, 'pw'), 0o644);
  return said(undefined, { cwd });
}

it.each<[where: string, tell: (secret: string) => Promise<string>]>([
  ['a plain password', (one) => said(`database:\n  host: 127.0.0.1\n  user: u\n  name: s\n  password: ${one}\n`)],
  ['a password within braces', (one) => said(`database: { host: 127.0.0.1, user: u, password: ${one}, name: s }\n`)],
  ['a password in quotes that are not closed', (one) => said(`database:\n  password: "${one}\n  user: u\n`)],
  ['a url', (one) => said(`database: { url: 'mysql://u:${quoted(one)}@127.0.0.1/s' }`)],
  ['a plain url', (one) => said(`database:\n  url: mysql://u:${one}@127.0.0.1/s\n`)],
  ['a url in the place of a section', (one) => said(`database: 'mysql://u:${quoted(one)}@h/s'`)],
  ['a url in the place of a file', (one) => said(undefined, { file: `mysql://u:${one}@h/s` })],
  ['a url that is a key', (one) => said(`"mysql://u:${one.replaceAll(/["\\]/g, '')}@h/s": 1`)],
  ['a password of the environment', (one) => ofEnv({ MYSQL_PASSWORD: one })],
  ['an api_key', (one) => said(`master: { api_key: ${one} }\n`)],
  ['an argument of a handler', (one) => said(`handlers:\n  a:\n    exec:\n      - a\n      - --password=${one}\n`)],
  ['a password file', inFile],
])('finding S9: %s is in no message, whatever characters it has', { timeout: 60_000 }, async (_, tell) => {
  for (const secret of SPECIAL) expect(await tell(secret), secret).not.toContain(CANARY);
});

describe('finding S9: what a key does not take', () => {
  const secrets = ['database.url', 'database.password', 'master.api_key', 'server.oidc.client_secret', 'handlers'];

  it.each(secrets)('is not shown of %s', async (key) => {
    for (const value of [[CANARY], { [CANARY]: CANARY }, { a: { [CANARY]: 1 } }, { a: { exec: [{ a: CANARY }] } }]) {
      // Names of handlers are names of task types.
      if (key === 'handlers' && JSON.stringify(value).includes(`"${CANARY}":`)) continue;
      const values = {};
      setValue(values, key, value);
      const text = await said(JSON.stringify(values));
      expect(text).toContain(key.split('.')[0]);
      expect(text, JSON.stringify(value)).not.toContain(CANARY);
    }
  });

  it.each(CONFIG_KEYS)('loses the password of a url in the place of %s', async (key) => {
    const values: Record<string, unknown> = {};
    setValue(values, key, `mysql://u:${CANARY}@db.example/s`);
    expect(await said(JSON.stringify(values))).not.toContain(CANARY);
  });
});
