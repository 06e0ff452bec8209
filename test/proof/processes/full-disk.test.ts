// A disk that is full under what a command writes: nothing half written stays, the message names the file, and the same command works
// when there is room again.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { exportAuditTo } from '../../../src/cli/export-audit.ts';
import { renderAuditExport } from '../../../src/cli/render/access/audit.ts';
import { parseKeys } from '../../../src/core/secrets/fleet-key.ts';
import { runCommand, runProcess } from '../../helpers/command.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

let given: Given;
let cwd: string;
it.beforeEach(({ given: one }) => {
  given = one;
  cwd = folder({});
});

const env = () => ({ AFD_DATABASE_URL: given.db.url });
const run = (...args: string[]) => runCommand(args, { cwd, env: env() });
/** No file can have more than this many blocks, of 512 bytes or 1 KiB by the shell. */
const full = (blocks: number, ...args: string[]) =>
  runProcess(args, {
    ...{ cwd, env: env(), wrapper: ['sh', '-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`, 'sh'] },
  });
const keyIds = () => parseKeys(readFileSync(join(cwd, 'k.key'), 'utf8')).map(({ id }) => id);

it('afd secrets key leaves nothing in the way of the next try, and --add leaves the old keys', async () => {
  const refused = await full(0, 'secrets', 'key', 'k.key');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/k\.key cannot be written: .*\[E_FAILED\]/),
  ]);
  expect(readdirSync(cwd)).toEqual([]);
  expect((await run('secrets', 'key', 'k.key')).code).toBe(0);
  const before = keyIds();
  expect((await full(0, 'secrets', 'key', 'k.key', '--add')).code).toBe(1);
  expect([readdirSync(cwd), keyIds()]).toEqual([['k.key'], before]);
  expect((await run('secrets', 'key', 'k.key')).code).toBe(5);
  expect(keyIds()).toEqual(before);
});

it('afd devices ca makes both files or none, and says what a lone key is', async () => {
  const refused = await full(0, 'devices', 'ca');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/afd-devices\.key cannot be written: .*\[E_FAILED\]/),
  ]);
  expect(readdirSync(cwd)).toEqual([]);
  expect((await run('devices', 'ca')).code).toBe(0);
  rmSync(join(cwd, 'afd-devices.pem'));
  const lone = await run('devices', 'ca');
  expect([lone.code, lone.stderr]).toEqual([5, expect.stringContaining('afd-devices.key exists without ')]);
  expect(readdirSync(cwd)).toEqual(['afd-devices.key']);
});

it('afd audit export says how many rows were written, and leaves the old file alone', async () => {
  for (const name of ['a', 'b']) expect((await run('keys', 'create', name, '--role', 'viewer')).code).toBe(0);
  writeFileSync(join(cwd, 'audit.jsonl'), 'old\n');
  const said =
    /^Error: The export stopped after 0 rows, because the output cannot be written: E.*\[E_FAILED\]\n {2}Try: afd audit export --help\n$/;
  expect(await full(0, 'audit', 'export', '--output', 'audit.jsonl')).toMatchObject({
    ...{ code: 1, stderr: expect.stringMatching(said) },
  });
  expect([readdirSync(cwd), readFileSync(join(cwd, 'audit.jsonl'), 'utf8')]).toEqual([['audit.jsonl'], 'old\n']);
  const piped = await runProcess(['audit', 'export'], {
    ...{ cwd, env: env(), wrapper: ['sh', '-c', '"$@" >/dev/full', 'sh'] },
  });
  expect(piped).toMatchObject({ code: 1, stderr: expect.stringMatching(said) });
  expect(await run('audit', 'export', '--output', 'none/audit.jsonl')).toMatchObject({
    ...{ code: 3, stderr: expect.stringContaining('Try: afd audit export --help') },
  });
});

it('afd audit export that is stopped writes no file, and says after how many rows', async () => {
  expect((await run('keys', 'create', 'a', '--role', 'viewer')).code).toBe(0);
  const context = testContext(given.db);
  try {
    const stop = AbortSignal.abort('SIGTERM');
    const end = await exportAuditTo(context, { since: undefined, file: join(cwd, 'audit.jsonl'), stop });
    expect([end, readdirSync(cwd)]).toEqual([{ rows: 0, first_id: null, last_id: null, complete: false }, []]);
    expect(renderAuditExport(end, 'audit.jsonl')).toBe('Stopped after 0 rows; audit.jsonl was not written.');
  } finally {
    await context.close();
  }
});
