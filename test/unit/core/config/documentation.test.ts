import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, RANGES, SCALAR_KEYS } from '../../../../src/core/config/config-keys.ts';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { getValue } from '../../../../src/core/config/dotted.ts';
import { readEnvironment, variableOf } from '../../../../src/core/config/environment.ts';
import { ERROR_CODES } from '../../../../src/core/domain/errors.ts';
import { load } from './config-folder.ts';

const page = (name: string) => readFileSync(new URL(`../../../../docs/reference/${name}`, import.meta.url), 'utf8');

describe('docs/reference/configuration.md', () => {
  const text = page('configuration.md');
  const standard = (key: string) => getValue(configSchema.parse({}), key);

  it('lists exactly the keys that the schema knows, in its order, with their defaults', () => {
    const rows = [...text.matchAll(/^\| `([a-z_.]+)` \| (`[^`]*`|–) \|/gm)].map(([, key, value]) => `${key} ${value}`);
    const shown = (value: unknown) => {
      if (value === undefined) return '–';
      return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``;
    };
    expect(rows).toEqual(CONFIG_KEYS.map((key) => `${key} ${shown(standard(key))}`));
  });

  it('finding S8: states the range of every number', () => {
    const listed = [...text.matchAll(/^\| (\d+\w*) \| (\d+\w*) \| (`.*`) \|$/gm)].flatMap(([, low, high, keys]) =>
      keys!.split(', ').map((key) => [key.replaceAll('`', ''), `from ${low} to ${high}`] as const),
    );
    expect(listed.toSorted()).toEqual([...RANGES].sort());
    expect(CONFIG_KEYS.filter((key) => typeof standard(key) === 'number' && !RANGES.has(key))).toEqual([]);
  });

  it('names the variables of the design document; no two keys share one', () => {
    const aliases = [...text.matchAll(/^\| `([A-Z_]+)` \| `([a-z_.]+)` \|/gm)];
    expect(aliases).toHaveLength(9);
    for (const [, name, key] of aliases)
      expect(readEnvironment({ [name!]: '1' }).values).toEqual([{ key, name, value: '1' }]);
    expect(new Set(SCALAR_KEYS.map(variableOf)).size).toBe(SCALAR_KEYS.length);
  });

  it('begins with an example that loads', async () => {
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(text)!;
    const { config } = await load(example, { files: { 'afd.password': 'pw\n' } });
    expect(config.handlers.sync_data?.timeout).toBe(1800);
  });
});

it('docs/reference/exit-codes.md lists every exit code of the registry', () => {
  const listed = [...page('exit-codes.md').matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  for (const { exit } of Object.values(ERROR_CODES)) expect(listed).toContain(exit);
});
