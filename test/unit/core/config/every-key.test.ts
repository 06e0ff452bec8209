// H1 and H3 for every key of the schema, so that a key which is added later is covered without anybody thinking of it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { CONFIG_KEYS, SCALAR_KEYS } from '../../../../src/core/config/config-keys.ts';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { getValue, setValue } from '../../../../src/core/config/dotted.ts';
import { variableOf } from '../../../../src/core/config/environment.ts';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { folder } from './config-folder.ts';

const DEFAULTS = configSchema.parse({});
/** Words, as an environment variable holds them; each key takes those that its type accepts. */
const WORDS = [
  ...['7', '3', '0.5', '0.25', '2m', '250ms', 'true', 'false', 'master', 'worker', 'round_robin', 'weighted', 'finish'],
  ...['stop', 'error', 'debug', 'json', 'text', 'disable', 'verify-ca', 'SYSTEM', '+08:00', 'w-1', 'w-2'],
];
const URLS = ['mysql://a@one/s?tls=disable', 'mysql://b@two/s?tls=disable'];
const SPECIAL: Record<string, string[]> = {
  'server.auth': ['none', 'keys'],
  'server.oidc.issuer': ['https://one.example', 'http://127.0.0.1:8080'],
  'server.oidc.redirect_uri': ['one', 'two'].map((one) => `https://${one}.example/api/v1/session/oidc/callback`),
  'server.oidc.scopes': ['openid', 'openid email'],
  'server.client_certificates': ['optional', 'required'],
  'database.url': URLS,
  'database.read_url': URLS,
  'database.password_file': ['one.secret', 'two.secret'],
  'database.server_public_key': ['one.secret', 'two.secret'],
  'worker.run_log_bytes': ['65536', '2000000'],
  'worker.gateway': ['http://one:8000', 'https://two,http://three:8000/afd'],
  'worker.ring.host': ['192.0.2.1', '2001:db8::1'],
};

/** What the schema makes of a word, undefined when it refuses it. */
function read(key: string, word: unknown): unknown {
  const values = {};
  setValue(values, key, word);
  const parsed = configSchema.safeParse(values);
  return parsed.success ? getValue(parsed.data, key) : undefined;
}

/** Words with different meanings for this key; the first is its default, where it has one. */
function wordsFor(key: string): string[] {
  const standard = getValue(DEFAULTS, key);
  const meanings = new Map<unknown, string>();
  for (const word of [...(standard === undefined ? [] : [String(standard)]), ...(SPECIAL[key] ?? WORDS)]) {
    const meaning = read(key, word);
    if (meaning !== undefined && !meanings.has(meaning)) meanings.set(meaning, word);
  }
  return [...meanings.values()].slice(0, 2);
}

it.each(SCALAR_KEYS)('H1 flag over environment over file over default, also where one equals it: %s', async (key) => {
  const words = wordsFor(key);
  expect(words).toHaveLength(2);
  const given = [undefined, ...words];
  // A whole database, so that one part of it alone is no mistake.
  const whole = 'mysql://afd:pw@db/fleet?tls=disable';
  const cwd = folder({ 'one.secret': 'one', 'two.secret': 'two' });
  for (const file of given) {
    const values = { database: { url: whole } };
    if (file !== undefined) setValue(values, key, file);
    writeFileSync(join(cwd, 'afd.json'), JSON.stringify(values), { mode: 0o600 });
    for (const env of given) {
      for (const flag of given) {
        const { config, origins } = await loadConfig({
          cwd,
          file: join(cwd, 'afd.json'),
          env: env === undefined ? {} : { [variableOf(key)]: env },
          flags: [{ flag: '--it', key, value: flag }],
        });
        const word = flag ?? env ?? file;
        const standard = key === 'database.url' ? [whole, 'file'] : [getValue(DEFAULTS, key), 'default'];
        const origin = flag ? 'flag --it' : env ? `env ${variableOf(key)}` : 'file';
        const expected = word === undefined ? standard : [read(key, word), origin];
        expect([getValue(config, key), origins[key]], String([flag, env, file])).toEqual(expected);
      }
    }
  }
});

it('H3 no key is parsed and then forgotten: every key is read, and one that is not would be seen', () => {
  /** Names that the code reads: properties, also destructured ones; comments and strings are none. */
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) names.add(node.name.text);
    if (ts.isBindingElement(node)) names.add((node.propertyName ?? node.name).getText());
    ts.forEachChild(node, visit);
  };
  const src = new URL('../../../../src/', import.meta.url).pathname;
  // Where keys are only declared, named or shown.
  const except =
    /^core\/config\/config-(schema|warnings|keys|problems)|^core\/settings\/fleet-keys|^commands\/config\//;
  for (const one of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/^(core|commands|gateway)\/.*\.ts$/.test(one) || except.test(one)) continue;
    visit(ts.createSourceFile(one, readFileSync(join(src, one), 'utf8'), ts.ScriptTarget.Latest, true));
  }
  const isRead = (key: string) => names.has(key.split('.').at(-1)!);

  expect(CONFIG_KEYS.filter((key) => !isRead(key))).toEqual([]);
  expect(isRead('master.auto_scaling')).toBe(false);
});
