// `afd start` as operators run it: the built program as a process, configured by nothing but a file and the environment.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import Start from '../../../src/commands/start.ts';
import { runCommand as runProgram, spawnCommand } from '../../helpers/command.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { until } from '../../helpers/wait.ts';
import { runCommand } from '../../unit/cli/run-command.ts';
import { folder } from '../../unit/core/config/config-folder.ts';
import { FORMS, MASTER, WORKER } from '../../unit/core/config/document.ts';

const WAIT_MS = 60_000;
let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

/** The document's own names say where the database is; AFD_ names what the document has no word for. */
function databaseByName(): Record<string, string> {
  const { host, port, socketPath, user, password, database } = db.address;
  const where: Record<string, string> =
    socketPath === undefined
      ? { MYSQL_HOST: host ?? '127.0.0.1', MYSQL_PORT: String(port ?? 3306) }
      : { AFD_DATABASE_SOCKET: socketPath };
  return { ...where, MYSQL_USER: user, MYSQL_DATABASE: database, ...(password ? { MYSQL_PASSWORD: password } : {}) };
}

interface Line {
  event?: string;
  device_id?: string;
  message: string;
}

/** A node that runs; `line` waits for a log line, `stop` ends it by SIGTERM and returns its exit code. */
function startNode(cwd: string, args: string[], env: Record<string, string>) {
  const child = spawnCommand(['start', ...args], { cwd, env: { AFD_LOG_FORMAT: 'json', ...env } });
  let output = '';
  let code: number | null | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.once('close', (exit) => {
    code = exit;
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = () =>
    output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line);
  return {
    lines,
    async line(event: string): Promise<Line> {
      return until(
        () => {
          const found = lines().find((line) => line.event === event);
          if (found === undefined && code !== undefined) throw new Error(`ended with ${code}:\n${output}`);
          return found;
        },
        WAIT_MS,
        `${event} of afd start ${args.join(' ')}`,
      );
    },
    async stop(): Promise<number> {
      child.kill('SIGTERM');
      return until(() => (code === null ? -1 : code === 0 ? 'zero' : code), WAIT_MS, 'the end').then((exit) =>
        exit === 'zero' ? 0 : exit,
      );
    },
  };
}

describe.each(FORMS)("the document's example as $file, root DISTRIBUTION: $root", ({ file, write }) => {
  it('starts a leader as it stands', async () => {
    const cwd = folder({ [file]: write(MASTER) });
    const node = startNode(cwd, ['--config', file, '--device-id', 'm'], { AFD_DATABASE_URL: db.url });
    expect(await node.line('leader:gained')).toMatchObject({ device_id: 'm' });
    expect(await node.stop()).toBe(0);
  });

  it('refuses a worker without handlers, and starts it with the lines that the refusal prints', async () => {
    const cwd = folder({ [file]: write(WORKER) });
    const env = { AFD_DATABASE_URL: db.url };
    const refused = await runProgram(['start', '--config', file, '--json'], { cwd, env });
    const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string } };
    expect([refused.code, error.code]).toEqual([78, 'E_HANDLER_MISSING']);
    const lines = error.message.slice(error.message.indexOf('\n') + 1);
    expect(lines.split('\n').map((line) => line.split('#')[0]?.trimEnd())).toEqual([
      'handlers:',
      '  sync_apps: { module: ./handlers/sync-apps.ts }',
      '  sync_data: { module: ./handlers/sync-data.ts }',
    ]);

    const json = file.endsWith('.json');
    writeFileSync(
      join(cwd, file),
      json ? JSON.stringify({ ...JSON.parse(write(WORKER)), ...parse(lines) }) : `${write(WORKER)}${lines}\n`,
    );
    mkdirSync(join(cwd, 'handlers'));
    for (const name of ['sync-apps.ts', 'sync-data.ts']) {
      writeFileSync(join(cwd, 'handlers', name), 'export default async (): Promise<number> => 1;\n');
    }
    const node = startNode(cwd, ['--config', file, '--no-leader'], env);
    expect(await node.line('worker:started')).toMatchObject({ device_id: 'worker-001' });
    expect(
      node.lines().filter((line) => line.message.includes('master.host, master.port, master.api_key')),
    ).toHaveLength(1);
    expect(await node.stop()).toBe(0);
  });
});

it("starts by the document's environment names alone", async () => {
  const cwd = folder({ 'afd.yaml': 'handlers: { sync_apps: { exec: [cat] } }' });
  const env = {
    ...databaseByName(),
    DISTRIBUTION_MODE: 'worker',
    MASTER_HOST: '192.168.1.10',
    DEVICE_ID: 'worker-002',
  };
  const node = startNode(cwd, [], env);
  expect(await node.line('worker:started')).toMatchObject({ device_id: 'worker-002' });
  expect(await node.stop()).toBe(0);
});

describe('which mode', () => {
  const once = (yaml: string, argv: string[], env: Record<string, string> = {}) =>
    runCommand(
      Start,
      'start',
      ['--config', join(folder({ 'afd.yaml': yaml }), 'afd.yaml'), '--once', '--json', ...argv],
      {
        AFD_DATABASE_URL: db.url,
        AFD_LOG_LEVEL: 'silent',
        ...env,
      },
    );
  const led = async (...args: Parameters<typeof once>) => 'led' in (await once(...args)).json();
  const worker = 'mode: worker\nhandlers: { none: { exec: [cat] } }';
  const master = 'mode: master\nhandlers: { none: { exec: [cat] } }';

  it('H1 the flag wins over DISTRIBUTION_MODE, that over the file', async () => {
    expect(await led(master, [])).toBe(true);
    expect(await led(worker, [])).toBe(false);
    expect(await led(worker, [], { DISTRIBUTION_MODE: 'master' })).toBe(true);
    expect(await led(master, ['--mode', 'worker'], { DISTRIBUTION_MODE: 'master' })).toBe(false);
    expect(await led(worker, ['--mode', 'master'], { DISTRIBUTION_MODE: 'worker' })).toBe(true);
  });

  it('is asked for in all three ways when none was used', async () => {
    const ran = await once('handlers: {}', []);
    expect([ran.exitCode, ran.json()]).toMatchObject([78, { error: { code: 'E_CONFIG', data: { key: 'mode' } } }]);
    const { message } = ran.json().error as { message: string };
    for (const way of ['--mode', 'DISTRIBUTION_MODE', 'mode: worker']) expect(message).toContain(way);
  });

  it('refuses what only a worker has when the mode is master', async () => {
    const ran = await once(master, ['--slots', '3', '--no-leader']);
    expect([ran.exitCode, ran.json()]).toMatchObject([2, { error: { code: 'E_USAGE' } }]);
    expect((ran.json().error as { message: string }).message).toContain('only workers accept --slots, --leader');
  });

  it('a worker takes --max-time as afd worker does', async () => {
    const ran = await once(worker, ['--max-time', '50s']);
    expect([ran.exitCode, ran.json()]).toMatchObject([0, { ended_by: 'drained' }]);
    expect((await once(master, ['--max-time', '50s'])).exitCode).toBe(2);
  });

  it.each(['master', 'worker'])('"enabled: false" refuses to start a %s', async (mode) => {
    const ran = await once(`enabled: false\nmode: ${mode}`, []);
    expect([ran.exitCode, ran.json()]).toMatchObject([78, { error: { code: 'E_CONFIG', data: { key: 'enabled' } } }]);
  });
});
