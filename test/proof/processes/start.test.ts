// `afd start` as operators run it: the built program as a process, configured by nothing but a file and the environment.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import Start from '../../../src/commands/start.ts';
import { runCommand as runProgram } from '../../helpers/command.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { Process } from '../../helpers/fleet-process.ts';
import { runCommand } from '../../unit/cli/run-command.ts';
import { folder } from '../../unit/core/config/config-folder.ts';
import { FORMS, MASTER, WORKER } from '../../unit/core/config/document.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

function start(cwd: string, args: string[], env: Record<string, string>): Process {
  const node = new Process(cwd, ['start', ...args], { AFD_LOG_FORMAT: 'json', ...env });
  onTestFinished(() => node.end());
  return node;
}
async function stops(node: Process): Promise<void> {
  node.kill('SIGTERM');
  expect(await node.exit).toEqual({ code: 0, signal: null });
}

it("starts a leader with the document's example as it stands", async () => {
  const cwd = folder({ 'distribution.yaml': FORMS[0]!.write(MASTER) });
  const node = start(cwd, ['--config', 'distribution.yaml', '--device-id', 'm'], { AFD_DATABASE_URL: db.url });
  expect(await node.event('leader:gained')).toMatchObject({ device_id: 'm' });
  await stops(node);
});

it.each(FORMS)(
  "refuses the document's worker as $file, root DISTRIBUTION: $root, and starts it with the lines that the refusal prints",
  async ({ file, write }) => {
    const cwd = folder({ [file]: write(WORKER) });
    const env = { AFD_DATABASE_URL: db.url };
    const refused = await runProgram(['start', '--config', file, '--json'], { cwd, env });
    const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string } };
    expect([refused.code, error.code]).toEqual([78, 'E_HANDLER_MISSING']);
    const lines = error.message.slice(error.message.indexOf('\n') + 1);
    const whole = file.endsWith('.json')
      ? JSON.stringify({ ...JSON.parse(write(WORKER)), ...parse(lines) })
      : `${write(WORKER)}${lines}\n`;
    writeFileSync(join(cwd, file), whole);
    mkdirSync(join(cwd, 'handlers'));
    for (const name of ['sync-apps.ts', 'sync-data.ts'])
      writeFileSync(join(cwd, 'handlers', name), 'export default async (): Promise<number> => 1;\n');
    const node = start(cwd, ['--config', file, '--no-leader'], env);
    expect(await node.event('worker:started')).toMatchObject({ device_id: 'worker-001' });
    const unused = node.lines.filter((line) => line.message.includes('master.host, master.port, master.api_key'));
    expect(unused).toHaveLength(1);
    await stops(node);
  },
);

it("starts by the document's environment names alone", async () => {
  const { host, port, socketPath, user, password, database } = db.address;
  const node = start(folder({ 'afd.yaml': 'handlers: { sync_apps: { exec: [cat] } }' }), [], {
    // AFD_ names what the document has no word for.
    ...(socketPath === undefined
      ? { MYSQL_HOST: host ?? '127.0.0.1', MYSQL_PORT: String(port ?? 3306) }
      : { AFD_DATABASE_SOCKET: socketPath }),
    ...{ MYSQL_USER: user, MYSQL_DATABASE: database, ...(password ? { MYSQL_PASSWORD: password } : {}) },
    ...{ DISTRIBUTION_MODE: 'worker', MASTER_HOST: '192.168.1.10', DEVICE_ID: 'worker-002' },
  });
  expect(await node.event('worker:started')).toMatchObject({ device_id: 'worker-002' });
  await stops(node);
});

describe('which mode', () => {
  const once = (mode: string, argv: string[], DISTRIBUTION_MODE?: string) => {
    const config = join(folder({ 'afd.yaml': `${mode}handlers: { none: { exec: [cat] } }` }), 'afd.yaml');
    const env = { AFD_DATABASE_URL: db.url, AFD_LOG_LEVEL: 'silent', DISTRIBUTION_MODE };
    return runCommand(Start, 'start', ['--config', config, '--once', '--json', ...argv], env);
  };
  const [master, worker] = ['mode: master\n', 'mode: worker\n'];

  it('H1 the flag wins over DISTRIBUTION_MODE, that over the file', async () => {
    const led = async (...args: Parameters<typeof once>) => 'led' in (await once(...args)).json();
    expect(await led(master, [])).toBe(true);
    expect(await led(worker, [], 'master')).toBe(true);
    expect(await led(master, ['--mode', 'worker'], 'master')).toBe(false);
  });

  it.each([
    ['none was used', '', [], 78, 'E_CONFIG', ['--mode', 'DISTRIBUTION_MODE', 'mode: worker']],
    ['a master has flags of a worker', master, ['--slots', '3', '--max-time', '5s'], 2, 'E_USAGE', ['--slots']],
    ['a worker has flags of a master', worker, ['--workers', '2'], 2, 'E_USAGE', ['only masters accept --workers']],
  ] as const)('is refused with what is accepted when %s', async (_, mode, argv, exitCode, code, words) => {
    const ran = await once(mode, [...argv]);
    expect([ran.exitCode, ran.json()]).toMatchObject([exitCode, { error: { code } }]);
    for (const word of words) expect((ran.json().error as { message: string }).message).toContain(word);
  });
});
