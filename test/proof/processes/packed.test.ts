// afd as a user installs it: packed by npm, unpacked elsewhere, imported by its name.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'afd-packed-'));
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'afd-fleet'), { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '-C', join(modules, 'afd-fleet'), '--strip-components=1']);
  // Its dependencies, as npm would install them.
  for (const name of ['zod', '@types']) await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the packed package', () => {
  it('gives a program the client, and nothing else', async () => {
    await writeFile(
      join(folder, 'program.mjs'),
      `import { AfdHttpClient, AfdHttpError } from 'afd-fleet/http';
const failed = await new AfdHttpClient({ baseUrl: 'http://127.0.0.1:9', retries: 0 }).health().catch((error) => error);
console.log(failed instanceof Error, typeof AfdHttpError);`,
    );
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder });
    expect(stdout).toBe('true function\n');
    await writeFile(join(folder, 'deep.mjs'), "import 'afd-fleet/dist/core/db/session.js';");
    await expect(run(process.execPath, ['deep.mjs'], { cwd: folder })).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('has types that find mistakes in a program', async () => {
    await writeFile(
      join(folder, 'program.ts'),
      `import { AfdHttpClient, type AnswerOf } from 'afd-fleet/http';
const client = new AfdHttpClient({ baseUrl: 'http://127.0.0.1:8000', retries: 1 });
const health: { device_id: string } = await client.health();
const task: AnswerOf<'showTask'> = await client.showTask({ task_id: '5' });
await client.cancelTask({ task_id: '5' });
for await (const one of client.each('listTasks', { status: 'failed' })) console.log(one.task_id);
for await (const { data } of client.events({ types: 'task.ended' })) {
  if (data.type === 'task.ended') console.log(data.attempt_status);
}
// @ts-expect-error task_id is missing
await client.showTask({});
// @ts-expect-error there is no such member
console.log(health.nothing);
// @ts-expect-error it is no list
client.each('health');
export { task };`,
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = '--target ES2022 --module NodeNext --strict --noEmit --types node --skipLibCheck'.split(' ');
    const args = [tsc, ...flags, 'program.ts'];
    const { stdout } = await run(process.execPath, args, { cwd: folder }).catch((error) => error);
    expect(stdout).toBe('');
  });
});
