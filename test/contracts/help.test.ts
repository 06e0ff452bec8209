// Every command's --help, as a file of test/golden/help. A change is a reviewed diff: npx vitest -u run test/contracts/help.test.ts
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Command, CommandHelp, Config } from '@oclif/core';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// Not exported by the package: what its manifest is made with, so that help is read as the binary reads it.
const { cacheCommand } = createRequire(import.meta.url)(
  join(ROOT, 'node_modules/@oclif/core/lib/util/cache-command.js'),
) as {
  cacheCommand(command: Command.Class, plugin: undefined, respectNoCacheDefault: boolean): Promise<Command.Cached>;
};

const COMMANDS = join(ROOT, 'src', 'commands');
const GOLDEN = join(ROOT, 'test', 'golden', 'help');

const files = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();
/** `migrate/index.ts` → `migrate`, `tasks/ls.ts` → `tasks ls`. */
const ids = new Map(files.map((file) => [file.replace(/(\/index)?\.ts$/, '').replaceAll('/', ' '), file]));

let config: Config;
beforeAll(async () => {
  config = await Config.load({ root: ROOT });
});

async function load(id: string): Promise<Command.Class> {
  const module = (await import(pathToFileURL(join(COMMANDS, ids.get(id)!)).href)) as { default: Command.Class };
  module.default.id = id.replaceAll(' ', ':');
  return module.default;
}

describe.each([...ids.keys()])('afd %s --help', (id) => {
  it('says what it said when it was last reviewed, in 80 columns, with a summary and an example', async () => {
    const command = await load(id);
    expect([command.summary, command.enableJsonFlag]).toEqual([expect.stringMatching(/\.$/), true]);
    expect(command.examples).not.toHaveLength(0);
    const cached = { ...(await cacheCommand(command, undefined, true)), id };
    const help = new CommandHelp(cached as Command.Loadable, config, { stripAnsi: true, maxWidth: 80 }).generate();
    const summary = (cached.summary ?? '').replaceAll('<%= config.bin %>', config.bin);
    const text = `${summary}\n\n${help}\n`
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
    // Examples are commands: a shell line is not folded.
    const tooWide = text.split('\n').filter((line) => line.length > 80 && !line.trim().startsWith('$'));
    expect(tooWide).toEqual([]);
    await expect(text).toMatchFileSnapshot(join(GOLDEN, `${id.replaceAll(' ', '-')}.txt`));
  });
});

it('belongs to a command that exists', () => {
  const golden = existsSync(GOLDEN) ? readdirSync(GOLDEN) : [];
  expect(golden.filter((file) => !ids.has(file.replace(/\.txt$/, '').replaceAll('-', ' ')))).toEqual([]);
});
