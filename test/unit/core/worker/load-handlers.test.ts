import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { handlerSchema } from '../../../../src/core/config/config-schema.ts';
import { findProgram } from '../../../../src/core/handlers/command/program.ts';
import { type LoadHandlersOptions, loadHandlers } from '../../../../src/core/worker/load-handlers.ts';
import { silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { FIXTURES, PATH } from '../../../fixtures/handlers/command.ts';

async function load(
  handlers: Record<string, unknown>,
  supported_tasks?: string[],
  more: Partial<LoadHandlersOptions> = {},
) {
  const parsed = Object.entries(handlers).map(([type, config]) => [type, handlerSchema.parse(config)]);
  const loaded = await loadHandlers({
    ...{ handlers: Object.fromEntries(parsed), supported_tasks, base_dir: FIXTURES, env: { PATH }, kill_grace: 5 },
    ...{ slots: 2, onWarning: () => {}, logOf: () => silentLog, ...more },
  });
  onTestFinished(() => loaded.close());
  return loaded;
}
const CONFIG = { code: 'E_CONFIG', exitCode: 78 };
const MISSING = { code: 'E_HANDLER_MISSING', exitCode: 78 };

it('loads modules and commands, each with its timeout; one that is not listed is not run, and that is said', async () => {
  const { handlers, warnings } = await load(
    {
      typed: { module: './typed.ts', timeout: '5m' },
      shell: { exec: ['sh', '-c', 'echo $X'], env: { X: 'x' } },
      b: { module: 'gone.js' },
    },
    ['typed', 'shell', 'typed'],
  );
  expect([...handlers].map(([type, { timeout }]) => [type, timeout])).toEqual([
    ['typed', 300],
    ['shell', undefined],
  ]);
  expect(warnings.filter((text) => !text.includes('setpriv'))).toEqual([
    expect.stringContaining('handlers.b is configured'),
  ]);
  const attempt = testAttempt();
  expect(await handlers.get('shell')!.execute(attempt)).toMatchObject({ kind: 'done' });
  expect(attempt.lines).toMatchObject([{ message: 'x' }]);
});

it.each([
  [
    'of a process',
    { isolation: 'none', env: { X: 'x' } },
    'env has no effect on a module without "isolation: process"',
  ],
  ['of a command', { isolation: 'process', result: true, env: { X: 'x' } }, 'result applies to commands only'],
  [
    'of limits and folders',
    { limits: { nice: 1 }, keep_folder: 'on-failure', umask: '077', files: { keep: ['a'] } },
    'limits, keep_folder, umask, files applies to commands only',
  ],
])('settings %s that a module has not are pointed out', async (_, config, warning) => {
  const { warnings } = await load({ a: { module: 'plain.js', ...config } });
  expect(warnings).toEqual([expect.stringContaining(`handlers.a: ${warning}`)]);
});

it('a module in a process has the environment and the folder that a command has', async () => {
  const a = { module: 'where.mjs', isolation: 'process', cwd: '..', env: { ADDED: `<\${SECRET}>` } };
  const { handlers } = await load({ a }, undefined, { env: { PATH, SECRET: 's' } });
  const result = { main: true, cwd: dirname(FIXTURES), secret: null, added: '<s>' };
  expect(await handlers.get('a')!.execute(testAttempt())).toMatchObject({ result });
});

it('a command runs with its limits, its umask and its artefacts', async ({ skip }) => {
  if ('problem' in (await findProgram('prlimit', '/', PATH))) skip('prlimit (util-linux) is missing here');
  const artifacts = mkdtempSync(join(tmpdir(), 'afd-artifacts-'));
  onTestFinished(() => rmSync(artifacts, { recursive: true }));
  const script = 'echo "$(ulimit -n) $(umask)" > "$AFD_WORK_DIR/said"; yes | head -c 1000; sleep 600';
  const limits = { open_files: 64, nice: 1, output: 999, memory: '1GB' };
  const a = { exec: ['sh', '-c', script], limits, umask: '027', files: { keep: ['said'] } };
  const { handlers } = await load({ a }, undefined, { artifacts });
  expect(await handlers.get('a')!.execute(testAttempt())).toMatchObject({ error_class: 'E_OUTPUT_LIMIT' });
  expect(readFileSync(join(artifacts, '7/2/said'), 'utf8')).toBe('64 0027\n');
});

it('without setpriv or a folder for artefacts commands run, with a warning; a limit that cannot be applied stops the start', async () => {
  const nowhere = { env: { PATH: '/nowhere' } };
  const exec = ['/bin/sh', '-c', ':'];
  const { handlers, warnings } = await load({ a: { exec, files: { keep: ['a'] } } }, undefined, nowhere);
  expect(warnings.join()).toMatch(/(?=.*setpriv).*handlers\.a\.files\.keep has no effect/s);
  expect(await handlers.get('a')!.execute(testAttempt())).toMatchObject({ kind: 'done' });
  await expect(load({ a: { exec, limits: { open_files: 64 } } }, undefined, nowhere)).rejects.toMatchObject({
    ...CONFIG,
    message: expect.stringMatching(/^handlers\.a\.limits\.open_files cannot be applied .*prlimit was not found/),
  });
});

describe('F2 an unbound type', () => {
  it('F2 is refused with the lines to add, and runs no other handler', async () => {
    const refused = load({ sync_apps: { module: 'plain.js' } }, ['sync_apps', 'sync_data', 'app data', 'constructor']);
    await expect(refused).rejects.toMatchObject({
      ...MISSING,
      data: { task_types: ['sync_data', 'app data', 'constructor'] },
      message: expect.stringMatching(
        /handlers:\n {2}sync_data: .*sync-data\.ts \}[\s\S]*"app data": .*app-data\.ts \}/,
      ),
    });
  });

  it.each([
    ['function', { module: 'no-default.js' }, /./],
    ['file', { module: 'gone.js' }, /^The handler of a does not exist: \S+gone\.js \(handlers\.a\.module\)\.$/],
    ['program', { exec: ['no-such-program'] }, /./],
    ['working directory', { exec: ['sh'], cwd: 'gone' }, /working directory .*gone does not exist/],
  ])('F2 a type whose handler has no %s is refused', async (_, config, message) => {
    const refused = load({ a: config });
    await expect(refused).rejects.toMatchObject({ exitCode: 78, message: expect.stringMatching(message) });
  });
});

it.each([
  ['no handlers', {}, undefined, /no handlers are configured[\s\S]*handlers:\n {2}my_task:/],
  ['no supported tasks', { a: { module: 'plain.js' } }, [], /supported_tasks is empty/],
  [
    'a credential that is not in the environment',
    { a: { exec: ['sh'], env: { TOKEN: `\${${'NO_SUCH_TOKEN'}}` } } },
    undefined,
    /handlers\.a\.env\.TOKEN refers to \$\{NO_SUCH_TOKEN\}/,
  ],
])('%s is refused', async (_, handlers, supported, message) => {
  await expect(load(handlers, supported)).rejects.toMatchObject({
    ...CONFIG,
    message: expect.stringMatching(message),
  });
});
