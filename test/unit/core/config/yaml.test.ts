import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../../src/core/config/config-yaml.ts';
import { DATABASE, load, refusal } from './config-folder.ts';

describe('finding S18: a configuration that was made to hurt', { timeout: 60_000 }, () => {
  const nines = Array.from({ length: 11 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`)}]`);
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]', ...nines].join('\n');
  const handlers = Array.from({ length: 200_000 }, (_, n) => `  h${n}: { exec: [a] }`).join('\n');
  const deep = `worker: { capabilities: ${'{ a: '.repeat(20_000)}1${' }'.repeat(20_000)} }`;
  const noKey = '__proto__ is not a key of any section';
  const json = '{"database": {"url": "mysql://a@127.0.0.1/s"}, "__proto__": {"worker": {"region": "eu"}}}';

  it.each([
    ['with aliases of aliases', bomb, 'its aliases (*name) expand to more than a configuration may contain'],
    ['with an alias of nothing', `${DATABASE}worker:\n  region: *x\n`, /afd\.yaml:3 is not valid.*starts with "\*"/],
    ['with a key __proto__', `${DATABASE}__proto__: { worker: {} }`, noKey],
    ['with one in an open section', `${DATABASE}worker: { capabilities: { __proto__: { polluted: true } } }`, noKey],
    ['with one as JSON', json, noKey],
    ['of 200,000 handlers', `${DATABASE}handlers:\n${handlers}\n`, 'it is larger than 1 MiB'],
    ['of lists without end', `a: ${'['.repeat(100_000)}`, 'nested too deeply'],
    ['of sections without end', `${DATABASE}${deep}`, 'nested too deeply'],
  ])('is refused %s', async (_, yaml, said) => {
    const { code, message } = await refusal(yaml);
    expect(code).toBe('E_CONFIG');
    expect(message).toMatch(said);
    expect(message).not.toMatch(/bug in afd/);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each(['constructor', 'toString'])('takes %s for no more than a word', async (name) => {
    for (const yaml of [`${name}: 1`, `DISTRIBUTION: { worker: { region: eu } }\n${name}: { a: 1 }`])
      expect((await refusal(`${DATABASE}${yaml}`)).message).toContain(`${name} is not a known key`);
    const { message } = await refusal(`${DATABASE}worker: { ${name}: { a: 1 } }`);
    expect(message).toContain(`worker.${name} is not a known key`);
  });

  it('with aliases that are there is read; a key that is given twice in two spellings names the line', async () => {
    const yaml = `${DATABASE}handlers:\n  a: &common { exec: ["true"], timeout: 5 }\n  b: *common\n`;
    expect((await load(yaml)).config.handlers.b).toMatchObject({ exec: ['true'], timeout: 5 });
    expect(parseYaml('1: a\n"1": b')).toMatchObject({ line: 2 });
  });

  it('of thirty thousand keys that are wrong names a hundred of them', async () => {
    // Each compared with each, as the parser itself does it, would be five hundred million steps.
    const keys = Array.from({ length: 30_000 }, (_, n) => `k${n}: 1`).join('\n');
    const { message, data } = await refusal(keys);
    expect(message).toMatch(/^The configuration has 30000 problems:\n(.*\n)* {2}and 29900 more/);
    expect(data.problems).toHaveLength(100);
  });
});
