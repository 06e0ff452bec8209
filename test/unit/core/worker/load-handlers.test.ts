import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { handlerSchema } from '../../../../src/core/config/config-schema.ts';
import { findProgram } from '../../../../src/core/handlers/command/program.ts';
import { type LoadHandlersOptions, loadHandlers } from '../../../../src/core/worker/load-handlers.ts';
import { silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { FIXTURES, PATH } from '../../../fixtures/handlers/command.ts';
import { runCommand } from '../../../helpers/command.ts';

const logOf = () => silentLog;

async function load(
  handlers: Record<string, unknown>,
  supported_tasks?: string[],
  more: Partial<LoadHandlersOptions> = {},
) {
  const parsed = Object.entries(handlers).map(([type, config]) => [type, handlerSchema.parse(config)]);
  const options = { base_dir: FIXTURES, env: { PATH }, kill_grace: 5, slots: 2, onWarning: () => {}, logOf, ...more };
  const loaded = await loadHandlers({ handlers: Object.fromEntries(parsed), supported_tasks, ...options });
  onTestFinished(() => loaded.close());
  return loaded;
}

it('loads modules and commands, each with its timeout', async () => {
  const { handlers, warnings } = await load(
    { typed: { module: './typed.ts', timeout: '5m' }, shell: { exec: ['sh', '-c', 'echo $X'], env: { X: 'x' } } },
    ['typed', 'shell', 'typed'],
  );
  expect([...handlers.keys()]).toEqual(['typed', 'shell']);
  expect(handlers.get('typed')!.timeout).toBe(300);
  expect(handlers.get('shell')!.timeout).toBeUndefined();
  expect(warnings.filter((text) => !text.includes('setpriv'))).toEqual([]);
  const attempt = testAttempt();
  expect(await handlers.get('shell')!.execute(attempt)).toMatchObject({ kind: 'done' });
  expect(attempt.lines).toMatchObject([{ message: 'x' }]);
});

it('without supported_tasks every type that has a handler is executed', async () => {
  expect([...(await load({ a: { module: 'plain.js' }, b: { module: 'plain.js' } })).handlers.keys()]).toEqual([
    'a',
    'b',
  ]);
});

it('a handler that is not listed is not run, and that is said', async () => {
  const { handlers, warnings } = await load({ a: { module: 'plain.js' }, b: { module: 'gone.js' } }, ['a']);
  expect([...handlers.keys()]).toEqual(['a']);
  expect(warnings).toEqual([expect.stringContaining('handlers.b is configured')]);
});

it('settings of commands and processes at a module are pointed out', async () => {
  const idle = { result: true, env: { X: 'x' } };
  const { warnings, close } = await load({
    a: { module: 'plain.js', isolation: 'none', ...idle },
    b: { module: 'plain.js', isolation: 'process', ...idle },
  });
  await close();
  expect(warnings).toEqual([
    expect.stringMatching(/^handlers\.a: env has no effect on a module without "isolation: process"/),
    expect.stringMatching(/^handlers\.a: result applies to commands only/),
    expect.stringMatching(/^handlers\.b: result applies to commands only/),
  ]);
});

describe('where a module runs', () => {
  const place = async (config: object, env: Record<string, string> = {}) => {
    const { handlers, close } = await load({ a: { module: 'where.mjs', ...config } }, undefined, {
      env: { PATH, ...env },
    });
    const outcome = await handlers.get('a')!.execute(testAttempt());
    await close();
    return (
      outcome as { result: { pid: number; main: boolean; cwd: string; secret: string | null; added: string | null } }
    ).result;
  };

  it('is what its isolation says', async () => {
    expect(await place({ isolation: 'none' })).toMatchObject({ pid: process.pid });
    expect(await place({ isolation: 'thread' })).toMatchObject({ pid: process.pid, main: false });
    const own = await place({ isolation: 'process' });
    expect(own).toMatchObject({ main: true, cwd: FIXTURES });
    expect(own.pid).not.toBe(process.pid);
  });

  it('in a process: it has the environment and the folder that a command has', async () => {
    const config = { isolation: 'process', cwd: '..', env: { ADDED: `<\${SECRET}>` } };
    expect(await place(config, { SECRET: 's' })).toMatchObject({ cwd: dirname(FIXTURES), secret: null, added: '<s>' });
  });
});

it('so are limits, the folder and its files', async () => {
  const config = { limits: { nice: 1 }, keep_folder: 'on-failure', umask: '077', files: { keep: ['a'] } };
  const { warnings } = await load({ a: { module: 'plain.js', ...config } });
  expect(warnings).toEqual([
    expect.stringMatching(/handlers\.a: limits, keep_folder, umask, files applies to commands only/),
  ]);
});

it('artefacts without a folder for them are pointed out', async () => {
  const a = { exec: ['sh'], files: { keep: ['*.png'] } };
  const about = (texts: string[]) => texts.filter((text) => text.includes('artifacts'));
  expect(about((await load({ a })).warnings)).toEqual([
    'handlers.a.files.keep has no effect: worker.artifacts, the folder for them, is not set.',
  ]);
  expect(about((await load({ a }, undefined, { artifacts: 'kept' })).warnings)).toEqual([]);
});

it('a limit that cannot be applied stops the start', async () => {
  const a = { exec: ['/bin/sh'], limits: { open_files: 64 } };
  await expect(load({ a }, undefined, { env: { PATH: '/nowhere' } })).rejects.toMatchObject({
    ...{ code: 'E_CONFIG', exitCode: 78 },
    message: expect.stringMatching(/^handlers\.a\.limits\.open_files cannot be applied .*prlimit was not found/),
  });
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

describe('a module that cannot be used says why', () => {
  it('when it is not there', async () => {
    await expect(load({ a: { module: 'gone.js' } })).rejects.toMatchObject({
      code: 'E_HANDLER_MISSING',
      message: expect.stringMatching(/^The handler of a does not exist: \S+gone\.js \(handlers\.a\.module\)\.$/),
    });
  });

  it('with the line where its syntax is wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afd-syntax-'));
    writeFileSync(join(folder, 'broken.mjs'), 'export default async () => {\n  const a = ;\n};\n');
    writeFileSync(join(folder, 'afd.yaml'), 'handlers: { a: { module: ./broken.mjs } }\n');
    // As a program: the loader of the tests has words of its own.
    const env = { AFD_DATABASE_URL: 'mysql://a@127.0.0.1:1/s' };
    const run = await runCommand(['worker', '--once', '--wait-database', '0'], { cwd: folder, env });
    rmSync(folder, { recursive: true });
    expect(run.code).toBe(78);
    expect(run.stderr).toMatch(/The handler of a cannot be loaded: \S+broken\.mjs:2: .*Unexpected token/);
  });
});

describe('F2 an unbound type', () => {
  it('F2 is refused with the lines to add, and runs no other handler', async () => {
    const refused = load({ sync_apps: { module: 'plain.js' } }, ['sync_apps', 'sync_data', 'app data']);
    await expect(refused).rejects.toMatchObject({
      ...{ code: 'E_HANDLER_MISSING', exitCode: 78, data: { task_types: ['sync_data', 'app data'] } },
    });
    await expect(refused).rejects.toThrow('handlers:\n  sync_data: { module: ./handlers/sync-data.ts }');
    await expect(refused).rejects.toThrow('\n  "app data": { module: ./handlers/app-data.ts }');
  });

  it('F2 a name that every object has is no handler', async () => {
    await expect(load({ a: { module: 'plain.js' } }, ['constructor'])).rejects.toMatchObject({
      code: 'E_HANDLER_MISSING',
    });
  });

  it('F2 a type whose handler has no function, no file or no program is refused', async () => {
    for (const config of [{ module: 'no-default.js' }, { module: 'gone.ts' }, { exec: ['no-such-program'] }]) {
      await expect(load({ a: config })).rejects.toMatchObject({ code: 'E_HANDLER_MISSING', exitCode: 78 });
    }
    await expect(load({ a: { exec: ['sh'], cwd: 'gone' } })).rejects.toThrow(/working directory .*gone does not exist/);
  });
});

it('nothing to do is refused with the lines to add', async () => {
  await expect(load({})).rejects.toMatchObject({ code: 'E_CONFIG', exitCode: 78 });
  await expect(load({})).rejects.toThrow(/no handlers are configured[\s\S]*handlers:\n {2}my_task:/);
  await expect(load({ a: { module: 'plain.js' } }, [])).rejects.toThrow(/supported_tasks is empty/);
});

it('a credential that is not in the environment stops the start', async () => {
  const refused = load({ a: { exec: ['sh'], env: { TOKEN: `\${${'NO_SUCH_TOKEN'}}` } } });
  await expect(refused).rejects.toMatchObject({ code: 'E_CONFIG', exitCode: 78 });
  await expect(refused).rejects.toThrow(/handlers\.a\.env\.TOKEN refers to \$\{NO_SUCH_TOKEN\}/);
});

it('without setpriv commands run, with a warning', async () => {
  const { handlers, warnings } = await load({ a: { exec: ['/bin/sh', '-c', ':'] } }, undefined, {
    env: { PATH: '/nowhere' },
  });
  expect(warnings).toEqual([expect.stringContaining('setpriv')]);
  expect(await handlers.get('a')!.execute(testAttempt())).toMatchObject({ kind: 'done' });
});
