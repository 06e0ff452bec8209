// OPS B7: modules only from folders that the configuration names, by their real paths, and none that others can change.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getuid } from 'node:process';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { handlerSchema } from '../../../../src/core/config/config-schema.ts';
import { type HandlerFolders, handlerFolders, moduleFile } from '../../../../src/core/handlers/module-folders.ts';
import { loadHandlers } from '../../../../src/core/worker/load-handlers.ts';
import { silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { PATH } from '../../../fixtures/handlers/command.ts';
import { runCommand } from '../../../helpers/command.ts';
import { skipBecause } from '../../../helpers/skip.ts';

const asRoot = skipBecause(getuid?.() === 0 ? undefined : 'only root may give a file to another user');
/** Some user of this machine who is nobody's author, and a group of theirs. */
const OTHER = 65_534;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'afd-folders-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['etc', 'handlers', 'handlers/shop', 'elsewhere']) mkdirSync(join(dir, name), { mode: 0o755 });
  for (const name of ['etc/a.mjs', 'handlers/shop/b.mjs', 'elsewhere/c.mjs', 'handlersx.mjs']) module(name);
});
const path = (name: string) => join(dir, name);
function module(name: string) {
  writeFileSync(path(name), 'export default () => 1;\n');
  // Whatever the umask is.
  chmodSync(path(name), 0o644);
}
const find = (name: string, folders: string[] = ['.'], more: Partial<HandlerFolders> = {}) =>
  moduleFile('sync', {
    module: name,
    base_dir: path('etc'),
    folders: { ...handlerFolders(folders, path('etc')), ...more },
  });
const refusal = async (...args: Parameters<typeof find>) => {
  const error = await find(...args).catch((one) => one);
  expect(error).toMatchObject({ code: 'E_CONFIG' });
  return error.message as string;
};

const B = '../handlers/shop/b.mjs';

describe('a module of OPS B7', () => {
  it('lies in the folder of the configuration file, or in one that it names', async () => {
    expect(await find('a.mjs')).toBe(path('etc/a.mjs'));
    expect(await find(B, ['../handlers'])).toBe(path('handlers/shop/b.mjs'));
    expect(await find(path('handlers/shop/b.mjs'), [path('handlers')])).toBe(path('handlers/shop/b.mjs'));
  });

  it('is refused elsewhere, with the lines that allow it', async () => {
    expect(await refusal('../elsewhere/c.mjs')).toBe(
      `The handler of sync is not loaded: its module (handlers.sync.module), ${path('elsewhere/c.mjs')}, is in none of the folders of worker.handler_folders (${path('etc')}). Add its folder there:\nworker: { handler_folders: [${path('elsewhere')}] }`,
    );
    await refusal('a.mjs', ['../handlers']);
    await refusal(path('handlersx.mjs'), ['../handlers']);
    await refusal(B, ['../handlers/shop/../../elsewhere', 'missing']);
  });

  it('is where its links lead, of files and of folders', async () => {
    symlinkSync('../elsewhere/c.mjs', path('etc/link.mjs'));
    symlinkSync('../elsewhere', path('etc/folder'));
    symlinkSync('handlers', path('current'));
    expect(await refusal('link.mjs')).toContain(`link.mjs, which leads to ${path('elsewhere/c.mjs')}, is in none`);
    expect(await refusal('folder/c.mjs')).toContain(`which leads to ${path('elsewhere/c.mjs')}`);
    expect(await find('../current/shop/b.mjs', ['../current'])).toBe(path('handlers/shop/b.mjs'));
    expect(await find(B, ['../current'])).toBe(path('handlers/shop/b.mjs'));
  });

  it.each([
    ['handlers/shop/b.mjs', 0o666],
    ['handlers/shop', 0o777],
    ['handlers', 0o1777],
  ])('that others can change is refused, with the command that mends it: %s', async (name, mode) => {
    chmodSync(path(name), mode);
    expect(await refusal(B, ['../handlers'])).toBe(
      `The handler of sync is not loaded: its module (handlers.sync.module), ${path('handlers/shop/b.mjs')}, could be changed by others: all users can write ${path(name)}; run chmod go-w ${path(name)}.`,
    );
    // What is above the innermost folder need not be only its owner's.
    if (name === 'handlers') expect(await find(B, ['../handlers/shop', '../handlers'])).toMatch(/b\.mjs$/);
  });

  it('below a folder that everybody may write is refused, unless that is sticky, as /tmp is', async () => {
    expect(dirname(dir)).toBe(tmpdir());
    chmodSync(dir, 0o777);
    expect(await refusal('a.mjs')).toContain(`all users can write ${dir}; run chmod o-w ${dir}`);
    chmodSync(dir, 0o1777);
    expect(await find('a.mjs')).toBe(path('etc/a.mjs'));
  });
});

describe('whose a module may be', asRoot, () => {
  it('root’s or the worker’s; of another user it is refused', async () => {
    chownSync(path('handlers/shop'), OTHER, OTHER);
    expect(await refusal(B, ['../handlers'])).toContain(
      `${path('handlers/shop')} belongs to another user (uid ${OTHER}); run chown 0 ${path('handlers/shop')}.`,
    );
  });

  it('or of the author of the configuration, whom the worker obeys anyway: a folder of the host in a container', async () => {
    for (const name of ['etc', 'etc/a.mjs']) chownSync(path(name), OTHER, OTHER);
    await refusal('a.mjs');
    expect(await find('a.mjs', ['.'], { owners: [OTHER] })).toBe(path('etc/a.mjs'));
    writeFileSync(path('etc/afd.yaml'), 'handlers: { sync: { module: a.mjs, isolation: none } }\n');
    chownSync(path('etc/afd.yaml'), OTHER, OTHER);
    const run = await runCommand(['run', 'sync', '--config', path('etc/afd.yaml')], { cwd: dir });
    expect(run.code).toBe(0);
  });

  it('its group may write it when nobody else is in that group, as many systems give each user one', async () => {
    chmodSync(path('handlers'), 0o775);
    expect(await find(B, ['../handlers'])).toBe(path('handlers/shop/b.mjs'));
    chownSync(path('handlers'), 0, OTHER);
    expect(await refusal(B, ['../handlers'])).toContain(
      `the group ${OTHER} can write ${path('handlers')}; run chmod g-w ${path('handlers')}.`,
    );
    // A group that nobody knows here.
    chownSync(path('handlers'), 0, 54_321);
    await refusal(B, ['../handlers']);
  });
});

describe('a worker', () => {
  const load = async (isolation: string, more: object = {}) => {
    const { handlers, close } = await loadHandlers({
      handlers: { sync: handlerSchema.parse({ module: 'a.mjs', isolation, ...more }) },
      ...{ supported_tasks: undefined, base_dir: path('etc'), env: { PATH }, kill_grace: 1 },
      ...{ slots: 1, onWarning: () => {}, logOf: () => silentLog },
      folders: handlerFolders(['.'], path('etc')),
    });
    onTestFinished(close);
    return () => handlers.get('sync')!.execute(testAttempt());
  };

  it.each(['none', 'thread', 'process'])('refuses a module that others can change (%s)', async (isolation) => {
    chmodSync(path('etc/a.mjs'), 0o666);
    const message = expect.stringContaining('chmod go-w');
    await expect(load(isolation)).rejects.toMatchObject({ code: 'E_CONFIG', message });
  });

  it('looks again for each process, as the other user who runs it, whose own it may be', asRoot, async () => {
    chmodSync(dir, 0o755);
    chownSync(path('etc/a.mjs'), OTHER, OTHER);
    const run = await load('process', { user: 'nobody', recycle: { tasks: 1 } });
    // That of the next attempt has been started.
    for (const _ of [1, 2]) expect(await run()).toMatchObject({ kind: 'done' });
    chmodSync(path('etc/a.mjs'), 0o666);
    await run();
    expect(await run()).toMatchObject({ error_message: expect.stringContaining('could be changed by others') });
  });
});
