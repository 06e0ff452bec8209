// A disk that is full under what a command writes: nothing half written stays, the message names the file, and the same command works
// when there is room again.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand, runProcess } from '../../helpers/command.ts';
import { it } from '../../helpers/fixture.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

let options: { cwd: string; env: Record<string, string> };
it.beforeEach(({ given }) => {
  options = { cwd: folder({}), env: { AFD_DATABASE_URL: given.db.url } };
});

const run = async (words: string, code: number, said: RegExp = /^/, wrapper: string[] = []) => {
  const ran = await (wrapper.length > 0 ? runProcess : runCommand)(words.split(' '), { ...options, wrapper });
  expect([words, ran.code, ran.stderr]).toEqual([words, code, expect.stringMatching(said)]);
};
/** No file can have a block. */
const full = ['sh', '-c', `trap '' XFSZ; ulimit -f 0; exec "$@"`, 'sh'];
const files = () =>
  Object.fromEntries(readdirSync(options.cwd).map((name) => [name, readFileSync(join(options.cwd, name), 'utf8')]));

it('afd secrets key leaves nothing in the way of the next try, and --add leaves the old keys', async () => {
  await run('secrets key k.key', 1, /k\.key cannot be written: .*\[E_FAILED\]/, full);
  expect(files()).toEqual({});
  await run('secrets key k.key', 0);
  const before = files();
  await run('secrets key k.key --add', 1, /E_FAILED/, full);
  await run('secrets key k.key', 5);
  expect(files()).toEqual(before);
});

it('afd devices ca makes both files or none, and says what a lone key is', async () => {
  await run('devices ca', 1, /afd-devices\.key cannot be written: .*\[E_FAILED\]/, full);
  expect(files()).toEqual({});
  await run('devices ca', 0);
  rmSync(join(options.cwd, 'afd-devices.pem'));
  await run('devices ca', 5, /afd-devices\.key exists without /);
  expect(Object.keys(files())).toEqual(['afd-devices.key']);
});
