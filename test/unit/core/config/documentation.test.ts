import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, RANGES, SCALAR_KEYS } from '../../../../src/core/config/config-keys.ts';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { getValue } from '../../../../src/core/config/dotted.ts';
import { readEnvironment, variableOf } from '../../../../src/core/config/environment.ts';
import { ERROR_CODES } from '../../../../src/core/domain/errors.ts';
import { load } from './config-folder.ts';

const page = (name: string) => readFileSync(new URL(`../../../../docs/reference/${name}`, import.meta.url), 'utf8');
const configuration = page('configuration.md');
const rows = [...configuration.matchAll(/^\| `([a-z_.]+)` \| (`[^`]*`|–) \|/gm)];

describe('docs/reference/configuration.md', () => {
  it('lists exactly the keys that the schema knows, in its order', () => {
    expect(rows.map(([, key]) => key)).toEqual(CONFIG_KEYS);
  });

  it('states the defaults as they are', () => {
    const defaults = configSchema.parse({});
    const shown = (key: string) => {
      let at: unknown = defaults;
      for (const part of key.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
      if (at === undefined) return '–';
      return `\`${typeof at === 'object' ? JSON.stringify(at) : String(at)}\``;
    };
    expect(rows.map(([, key, value]) => `${key} ${value}`)).toEqual(CONFIG_KEYS.map((key) => `${key} ${shown(key)}`));
  });

  it('finding S8: states the range of every number', () => {
    const listed = [...configuration.matchAll(/^\| (\d+\w*) \| (\d+\w*) \| (`.*`) \|$/gm)].flatMap(
      ([, low, high, keys]) => keys!.split(', ').map((key) => [key.replaceAll('`', ''), `from ${low} to ${high}`]),
    );
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(RANGES));
    expect(listed).toHaveLength(RANGES.size);
    // Whatever is a number by default has a range.
    const numbers = CONFIG_KEYS.filter((key) => typeof getValue(configSchema.parse({}), key) === 'number');
    expect(numbers.filter((key) => !RANGES.has(key))).toEqual([]);
  });

  it('names the variables of the design document', () => {
    const aliases = [...configuration.matchAll(/^\| `([A-Z_]+)` \| `([a-z_.]+)` \|/gm)];
    expect(aliases).toHaveLength(9);
    for (const [, name, key] of aliases) {
      expect(readEnvironment({ [name!]: '1' }).values).toEqual([{ key, name, value: '1' }]);
    }
  });

  it('begins with an example that loads', async () => {
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(configuration)!;
    const { config } = await load(example, { files: { 'afd.password': 'pw\n' } });
    expect(config.handlers.sync_data?.timeout).toBe(1800);
  });
});

it('docs/reference/exit-codes.md lists every exit code of the registry', () => {
  const listed = [...page('exit-codes.md').matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  for (const { exit } of Object.values(ERROR_CODES)) expect(listed).toContain(exit);
});

it('no two keys share a variable', () => {
  expect(new Set(SCALAR_KEYS.map(variableOf)).size).toBe(SCALAR_KEYS.length);
});
