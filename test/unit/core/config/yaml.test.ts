import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../../src/core/config/config-yaml.ts';
import { DATABASE, load, refusal } from './config-folder.ts';

/** Refused as a mistake of the configuration, in words that lead somewhere. */
async function mistake(yaml: string): Promise<string> {
  const { code, message } = await refusal(yaml);
  expect(code).toBe('E_CONFIG');
  expect(message).not.toMatch(/bug in afd/);
  return message;
}

describe('finding S18: a configuration that was made to hurt', { timeout: 60_000 }, () => {
  it('with aliases of aliases is refused', async () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 12; n += 1)
      lines.push(
        `a${n}: &a${n} [${Array(9)
          .fill(`*a${n === 1 ? '' : n - 1}`)
          .join(', ')}]`,
      );
    expect(await mistake(lines.join('\n'))).toContain(
      'its aliases (*name) expand to more than a configuration may contain',
    );
  });

  it('with an alias of nothing names the line', async () => {
    expect(await mistake(`${DATABASE}worker:\n  region: *x\n`)).toMatch(/afd\.yaml:3 is not valid.*starts with "\*"/);
  });

  it('with aliases that are there is read', async () => {
    const yaml = `${DATABASE}handlers:\n  a: &common { exec: ["true"], timeout: 5 }\n  b: *common\n`;
    expect((await load(yaml)).config.handlers.b).toMatchObject({ exec: ['true'], timeout: 5 });
  });

  it.each([
    ['at the top', `${DATABASE}__proto__: { worker: { region: eu } }`],
    ['in a section', `${DATABASE}worker: { __proto__: { region: eu } }`],
    ['in an open section', `${DATABASE}worker: { capabilities: { __proto__: { polluted: true } } }`],
    ['as JSON', '{"database": {"url": "mysql://a@127.0.0.1/s"}, "__proto__": {"worker": {"region": "eu"}}}'],
  ])('has no key __proto__ %s', async (_, yaml) => {
    expect(await mistake(yaml)).toContain('__proto__ is not a key of any section');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'takes %s for no more than a word',
    async (name) => {
      expect(await mistake(`${DATABASE}${name}: 1`)).toContain(`${name} is not a known key`);
      expect(await mistake(`${DATABASE}worker: { ${name}: { a: 1 } }`)).toContain(`worker.${name} is not a known key`);
      expect(await mistake(`${DATABASE}DISTRIBUTION: { worker: { region: eu } }\n${name}: { a: 1 }`)).toContain(
        `${name} is not a known key`,
      );
    },
  );

  it('of 200,000 handlers is refused by its size', async () => {
    const handlers = Array.from({ length: 200_000 }, (_, n) => `  h${n}: { exec: [a] }`).join('\n');
    expect(await mistake(`${DATABASE}handlers:\n${handlers}\n`)).toContain('it is larger than 1 MiB');
  });

  it('of thirty thousand keys that are wrong names a hundred of them', async () => {
    // Each compared with each, as the parser itself does it, would be five hundred million steps.
    const keys = Array.from({ length: 30_000 }, (_, n) => `k${n}: 1`).join('\n');
    const { message, data } = await refusal(keys);
    expect(message).toContain('The configuration has 30000 problems:\n');
    expect(message).toContain('\n  and 29900 more');
    expect(data.problems).toHaveLength(100);
  });

  it('nested without end is refused', async () => {
    expect(await mistake(`a: ${'['.repeat(100_000)}`)).toContain('nested too deeply');
    expect(
      await mistake(`${DATABASE}worker: { capabilities: ${'{ a: '.repeat(20_000)}1${' }'.repeat(20_000)} }`),
    ).toMatch(/nested too deeply/);
  });

  it('with a key that is given twice in two spellings names the line', () => {
    expect(parseYaml('1: a\n"1": b')).toMatchObject({ line: 2 });
  });
});
