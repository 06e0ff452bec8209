import type { Config } from '@oclif/core';
import { expect, it, vi } from 'vitest';
import { commandNotFound } from '../../../src/cli/command-not-found.ts';

const commands = ['tasks:ls', 'tasks:show', 'tasks:add', 'migrate:status', 'status', 'secret:door'].map((id) => ({
  id,
  aliases: [],
  hidden: id === 'secret:door',
}));

async function notFound(id: string, argv: string[] = []) {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    }),
  );
  const config = { bin: 'afd', commands } as unknown as Config;
  const called = commandNotFound.call({} as never, { id, argv, config, context: {} as never });
  const error = await called.catch((one: unknown) => one);
  for (const spy of spies) spy.mockRestore();
  return { ...written, exit: (error as { oclif?: { exit: number } }).oclif?.exit };
}

it.each([
  ['staus', 'afd status'],
  ['task:ls', 'afd tasks ls'],
  ['tasks:shwo:5', 'afd tasks show'],
  ['migrate:stauts', 'afd migrate status'],
])('says what was meant by "%s" and runs nothing', async (id, near) => {
  const { stdout, stderr, exit } = await notFound(id);
  expect([stdout, exit]).toEqual(['', 2]);
  expect(stderr).toContain(`There is no command "afd ${id.replaceAll(':', ' ')}". Did you mean "${near}"? [E_USAGE]`);
  expect(stderr).toContain(`Try: ${near} --help`);
});

it('answers in JSON when asked to', async () => {
  const { stdout, stderr, exit } = await notFound('zzzzzz', ['--json']);
  expect([stderr, exit]).toEqual(['', 2]);
  const message = 'There is no command "afd zzzzzz".';
  const error = { code: 'E_USAGE', message, suggestions: ['afd --help'], data: { command: 'zzzzzz' } };
  expect(JSON.parse(stdout)).toEqual({ error });
});

it('does not give hidden commands away', async () => {
  expect((await notFound('secret:doro')).stderr).not.toContain('Did you mean');
});
