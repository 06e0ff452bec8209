// H1 and H3 for every key of the schema, so that a key which is added later is covered without anybody thinking of it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { CONFIG_KEYS, SCALAR_KEYS } from '../../../../src/core/config/config-keys.ts';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { OF_REMOTE_WORKERS } from '../../../../src/core/config/config-warnings.ts';
import { getValue, setValue } from '../../../../src/core/config/dotted.ts';
import { variableOf } from '../../../../src/core/config/environment.ts';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { DATABASE, folder } from './config-folder.ts';

const DEFAULTS = configSchema.parse({});
/** Words, as an environment variable holds them; each key takes those that its type accepts. */
const WORDS = ['7', '3', '0.5', '0.25', '2m', '250ms', 'true', 'false', 'master', 'worker', 'round_robin', 'weighted'];
WORDS.push(
  'finish',
  'stop',
  'error',
  'debug',
  'json',
  'text',
  'disable',
  'verify-ca',
  'SYSTEM',
  '+08:00',
  'w-1',
  'w-2',
);
const SPECIAL: Record<string, string[]> = {
  'server.auth': ['none', 'keys'],
  'server.oidc.issuer': ['https://one.example', 'http://127.0.0.1:8080'],
  'server.oidc.redirect_uri': ['one', 'two'].map((one) => `https://${one}.example/api/v1/session/oidc/callback`),
  'server.oidc.scopes': ['openid', 'openid email'],
  'server.client_certificates': ['optional', 'required'],
  'database.url': ['mysql://a@one/s?tls=disable', 'mysql://b@two/s?tls=disable'],
  'database.read_url': ['mysql://a@one/s?tls=disable', 'mysql://b@two/s?tls=disable'],
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
  const candidates = [...(standard === undefined ? [] : [String(standard)]), ...(SPECIAL[key] ?? WORDS)];
  const meanings = new Map<unknown, string>();
  for (const word of candidates) {
    const meaning = read(key, word);
    if (meaning !== undefined && !meanings.has(meaning)) meanings.set(meaning, word);
  }
  return [...meanings.values()].slice(0, 3);
}

const NONE = undefined;
const WHOLE = 'mysql://afd:pw@db/fleet?tls=disable';
const LAYERS = ['flag', 'env', 'file'] as const;

/** What a key holds, and where that comes from, when this is the highest layer that says anything. */
function expectedOf(key: string, by: readonly [(typeof LAYERS)[number], string] | undefined): [unknown, string] {
  if (by === undefined) return key === 'database.url' ? [WHOLE, 'file'] : [getValue(DEFAULTS, key), 'default'];
  const [layer, word] = by;
  return [read(key, word), { flag: 'flag --it', env: `env ${variableOf(key)}`, file: 'file' }[layer]];
}

describe('H1 flag over environment over file over default, also where a value equals the default', () => {
  const cwd = folderForAll();
  it.each(SCALAR_KEYS)('%s', async (key) => {
    const words = wordsFor(key);
    expect(words.length).toBeGreaterThan(1);
    let tried = 0;
    for (const file of [NONE, ...words]) {
      const config = join(cwd, `${key}-${words.indexOf(file ?? '')}.json`);
      // Together with a whole database, so that one part of it alone is no mistake.
      const values: Record<string, unknown> = { database: { url: WHOLE } };
      if (file !== NONE) setValue(values, key, file);
      writeFileSync(config, JSON.stringify(values), { mode: 0o600 });
      for (const env of [NONE, ...words]) {
        for (const flag of [NONE, ...words]) {
          const given = { flag, env, file };
          const { config: found, origins } = await loadConfig({
            cwd,
            file: config,
            env: env === NONE ? {} : { [variableOf(key)]: env },
            flags: [{ flag: '--it', key, value: flag }],
          });
          const by = LAYERS.find((layer) => given[layer] !== NONE);
          const [value, origin] = expectedOf(key, by === undefined ? undefined : [by, given[by]!]);
          expect({ given, value: getValue(found, key), origin: origins[key] }).toEqual({ given, value, origin });
          tried += 1;
        }
      }
    }
    expect(tried).toBe((words.length + 1) ** 3);
  });
});

/** Of all tests here. */
function folderForAll(): string {
  const path = mkdtempSync(join(tmpdir(), 'afd-every-key-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  for (const name of SPECIAL['database.password_file'] ?? []) writeFileSync(join(path, name), name, { mode: 0o600 });
  return path;
}

/** Names that the code reads: properties, also destructured ones; comments and strings are none. */
function namesRead(folderName: string, except: RegExp): Map<string, Set<string>> {
  const root = fileURLToPath(new URL(`../../../../src/${folderName}/`, import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.ts'));
  return new Map(
    files
      .filter((one) => !except.test(one))
      .map((one) => {
        const names = new Set<string>();
        const visit = (node: ts.Node): void => {
          if (ts.isPropertyAccessExpression(node)) names.add(node.name.text);
          if (ts.isBindingElement(node)) names.add((node.propertyName ?? node.name).getText());
          ts.forEachChild(node, visit);
        };
        visit(ts.createSourceFile(one, readFileSync(join(root, one), 'utf8'), ts.ScriptTarget.Latest, true));
        return [one, names] as const;
      }),
  );
}

describe('H3 no key is parsed and then forgotten', () => {
  // Where keys are only declared, named or shown.
  const core = namesRead('core', /^config\/config-(schema|warnings|keys|problems)\.ts$|^settings\/fleet-keys\.ts$/);
  const commands = namesRead('commands', /^config\//);
  const gateway = namesRead('gateway', /^$/);
  const readSomewhere = (key: string): boolean => {
    const parts = key.split('.');
    const name = parts.at(-1)!;
    return [...core.values(), ...commands.values(), ...gateway.values()].some((names) => names.has(name));
  };

  it.each(CONFIG_KEYS)('%s is read', (key) => {
    expect(readSomewhere(key)).toBe(true);
  });

  it('is seen when it happens', () => {
    expect(readSomewhere('master.auto_scaling')).toBe(false);
    expect(readSomewhere('master.task_timeout')).toBe(true);
  });

  it('each key that is given and does nothing is named to the operator', async () => {
    const cwd = folder({ 'afd.yaml': DATABASE });
    for (const key of OF_REMOTE_WORKERS) {
      const [word] = wordsFor(key);
      const { warnings } = await loadConfig({ cwd, env: { [variableOf(key)]: word } });
      expect(warnings.filter((sentence) => sentence.includes(`${key} is not used`))).toHaveLength(1);
    }
  });
});
