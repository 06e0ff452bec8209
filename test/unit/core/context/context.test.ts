import { expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { openContext } from '../../../../src/core/context/context.ts';

const resolved = (env: Record<string, string> = {}) =>
  loadConfig({ cwd: '/', env: { AFD_CONFIG: '/dev/null', AFD_DATABASE_URL: 'mysql://a@127.0.0.1:1/s', ...env } });
const stream = () => {
  const lines: string[] = [];
  return { lines, write: (line: string) => lines.push(line) };
};

it('"enabled: false" refuses to start a node, and nothing else', async () => {
  const off = await resolved({ AFD_ENABLED: 'false' });
  for (const purpose of ['worker', 'leader'] as const) {
    expect(() => openContext(off, { purpose, logTo: stream() })).toThrowError(
      expect.objectContaining({ code: 'E_CONFIG', exitCode: 78, message: expect.stringContaining('env AFD_ENABLED') }),
    );
  }
  await openContext(off, { purpose: 'command', logTo: stream() }).close();
});

it('a node says each danger of its configuration once; a command does not', async () => {
  const risky = await resolved({ AFD_MASTER_HEARTBEAT_TIMEOUT: '3' });
  const node = stream();
  await openContext(risky, { purpose: 'worker', logTo: node }).close();
  expect(node.lines.filter((line) => line.includes('heartbeat_timeout'))).toHaveLength(1);
  const command = stream();
  await openContext(risky, { purpose: 'command', logTo: command }).close();
  expect(command.lines).toEqual([]);
});

it('refuses table names that cannot be', async () => {
  const odd = await resolved({ AFD_TABLES_PREFIX: 'a b' });
  expect(() => openContext(odd, { purpose: 'command', logTo: stream() })).toThrowError(/is not a valid table name/);
});

it('connects to nothing before a session is asked for', async () => {
  const context = openContext(await resolved(), { purpose: 'command', logTo: stream() });
  await expect(context.session()).rejects.toMatchObject({ code: 'E_DATABASE', exitCode: 69 });
  await context.close();
});
