// A golden file is written when somebody asks for it, and at no other time: with or without CI.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GOLDEN_TEST = `import { expect, it } from 'vitest';
it('is golden', async () => { await expect('text').toMatchFileSnapshot('./golden.txt'); });
`;

it('a golden file that is missing fails its test, and is written by -u alone', { timeout: 60_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'afd-golden-'));
  try {
    await mkdir(join(dir, 'test/unit'), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    await writeFile(join(dir, 'test/unit/golden.test.ts'), GOLDEN_TEST);
    const run = (...more: string[]) => {
      const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
      const options = ['run', '--root', dir, '--config', join(ROOT, 'vitest.config.ts'), '--project', 'unit', ...more];
      // No CI, in which it would be so anyway.
      const env = { PATH: process.env.PATH, HOME: process.env.HOME };
      const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, ...options], { cwd: dir, env });
      return { status, said: `${stdout}${stderr}` };
    };
    const files = async () => (await readdir(join(dir, 'test/unit'))).sort();
    const missing = run();
    expect(missing.status, missing.said).toBe(1);
    expect(missing.said).toContain('Snapshot `is golden 1` mismatched');
    expect(await files()).toEqual(['golden.test.ts']);
    expect(run('-u').status).toBe(0);
    expect(await files()).toEqual(['golden.test.ts', 'golden.txt']);
    expect(run().status).toBe(0);
  } finally {
    await rm(dir, { recursive: true });
  }
});
