import { expect } from 'vitest';
import { parseApiKey } from '../../src/core/access/api-key.ts';
import { runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { it } from '../helpers/fixture.ts';
import { folder } from '../unit/core/config/config-folder.ts';

let db: TestDatabase;
it.beforeEach(({ given }) => {
  ({ db } = given);
});

const run = (...args: string[]) =>
  runCommand(['keys', ...args], { cwd: folder({}), env: { AFD_DATABASE_URL: db.url } });

it('afd keys create prints the key alone on stdout, once; ls shows everything else', async ({ session }) => {
  expect((await run('ls')).stdout).toContain('There are no API keys');
  const made = await run('create', 'report page', '--role', 'viewer', '--valid-for', '30d');
  expect(made.code, made.stderr).toBe(0);
  const text = made.stdout.trim();
  const id = parseApiKey(text)!.id;
  expect(made.stderr).toMatch(
    new RegExp(`this is key ${id} \\(report page, viewer\\), valid until .*Z\\. It is not shown again\\.`),
  );
  const listed = await run('ls');
  expect(listed.stdout).toMatch(new RegExp(`${id} .*report page.* viewer .* active .* never`));
  expect(listed.stdout + listed.stderr).not.toContain(text.split('_')[2]);
  const [row] = await session.rows(
    `SELECT TIMESTAMPDIFF(SECOND, created_at, expires_at) AS s FROM ${db.names.apiKey} WHERE key_id = ?`,
    [id],
  );
  expect(Number(row!.s)).toBe(30 * 86_400);
});

it('afd keys rotate leaves the old one valid for a while, and revoke ends it', async () => {
  const { key } = JSON.parse((await run('create', 'w1', '--role', 'device', '--device', 'w1', '--json')).stdout);
  const rotated = JSON.parse((await run('rotate', key.key_id, '--overlap', '1h', '--json')).stdout);
  expect(rotated.key).toMatchObject({ name: 'w1', role: 'device', device_id: 'w1', active: true });
  expect(rotated.old).toMatchObject({ key_id: key.key_id, active: true });
  expect(parseApiKey(rotated.text)!.id).toBe(rotated.key.key_id);
  const revoked = await run('revoke', key.key_id);
  expect(revoked.stdout).toContain(`The key ${key.key_id} (w1) was revoked at`);
  expect((await run('ls')).stdout).toMatch(new RegExp(`${key.key_id} .* revoked`));
  expect(await run('rotate', key.key_id)).toMatchObject({ code: 5, stderr: expect.stringContaining('is not active') });
});

it('what cannot be is refused, with the exit code for it', async () => {
  const codes = await Promise.all(
    [
      ['create', 'x', '--role', 'king'],
      ['create', 'x', '--role', 'viewer', '--device', 'w1'],
      ['create', 'x', '--role', 'viewer', '--valid-for', '366d'],
      ['create', ' ', '--role', 'viewer'],
      ['revoke', 'aaaaaaaa'],
      ['rotate', 'aaaaaaaa'],
    ].map(async (args) => (await run(...args)).code),
  );
  expect(codes).toEqual([2, 2, 2, 2, 3, 3]);
});
