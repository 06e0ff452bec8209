// Remote workers as processes that are killed: `afd worker` with a configuration in which no database stands.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'vitest';
import { testDatabase } from '../../helpers/database.ts';
import { OF_PROCESSES } from '../../helpers/fast.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { type TcpProxy, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { until } from '../../helpers/wait.ts';

/** Stores where it is after each page, and waits at page 3 for its gate. */
const PAGES = `
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
export default async ({ checkpoint }, ctx) => {
  const from = checkpoint?.page ?? 0;
  for (let page = from + 1; page <= 5; page += 1) {
    if (page === 4) while (!existsSync(new URL('./go', import.meta.url))) await pause(10);
    await ctx.checkpoint({ page });
  }
  return { from, by: ctx.device_id };
};`;

interface RemoteScene extends Scene {
  proxy: TcpProxy;
  remote(deviceId: string, args?: string[]): ReturnType<Scene['start']>;
  journals(): string[];
}

async function remoteScene(
  test: TestContext,
  purpose: string,
  worker: Record<string, unknown> = {},
  heartbeat_timeout = 20,
): Promise<RemoteScene> {
  const db = await testDatabase(purpose);
  const gateway = await startGateway(db, { master: { heartbeat_timeout } });
  const proxy = await tcpProxy(gateway.url);
  const s = await scene(test, db, {
    master: { heartbeat_timeout },
    handlers: { pages: { module: './pages.mjs' } },
    files: {
      'pages.mjs': PAGES,
      'remote.yaml': JSON.stringify({
        master: { ...OF_PROCESSES.master, heartbeat_timeout },
        worker: { ...OF_PROCESSES.worker, gateway: proxy.url, ...worker },
        handlers: { work: { module: './work.mjs', isolation: 'none' }, pages: { module: './pages.mjs' } },
        log: { level: 'debug', format: 'json' },
      }),
    },
  });
  // Before the schema is dropped.
  test.onTestFinished(async () => {
    proxy.close();
    await gateway.stop();
  });
  return {
    ...s,
    proxy,
    remote: (deviceId, args = []) => s.start('worker', { deviceId, args: ['--config', 'remote.yaml', ...args] }),
    journals() {
      const folder = join(s.dir, 'afd-journal');
      if (!existsSync(folder)) return [];
      return readdirSync(folder)
        .filter((name) => name.endsWith('.journal'))
        .map((name) => readFileSync(join(folder, name), 'utf8'));
    },
  };
}

describe.concurrent('a remote worker that is killed', { timeout: MINUTES }, () => {
  it('is found dead by its connection, and another device goes on at the last checkpoint', async (test) => {
    const { expect } = test;
    const s = await remoteScene(test, 'remote_resume');
    s.start('leader', { deviceId: 'boss' });
    const first = s.remote('one');
    const id = await s.add({}, { task_type: 'pages' });
    await until(async () => {
      const [row] = await s.session.rows(`SELECT value FROM ${s.db.names.checkpoint} WHERE task_id = ?`, [id]);
      return row !== undefined && JSON.parse(row.value).page === 3;
    }, PATIENCE_MS);
    first.kill('SIGKILL');
    const second = s.remote('two');
    await second.event('worker:started');
    await s.open('go');
    await s.ended([id]);
    const ended = await s.attempts(id);
    expect(ended.map((one) => [one.device_id, one.status])).toEqual([
      ['one', 'lost'],
      ['two', 'completed'],
    ]);
    const [row] = await s.session.rows(`SELECT result FROM ${s.db.names.assignment} WHERE id = ?`, [ended[1]!.id]);
    expect(JSON.parse(row!.result)).toEqual({ from: 3, by: 'two' });
  });

  it('delivers what it had kept before it was killed when it starts again, each result once', async (test) => {
    const { expect } = test;
    const s = await remoteScene(test, 'remote_journal', { offline_for: 600, max_concurrent_tasks: 4 }, 5);
    s.start('leader', { deviceId: 'boss' });
    const worker = s.remote('one');
    const ids = [await s.add({ gate: 'go' }), await s.add({ gate: 'go' }), await s.add({ gate: 'go' })];
    const open = await s.add({ gate: 'never' });
    for (const task_id of [...ids, open]) await s.noted({ what: 'start', task_id });
    s.proxy.cut();
    await worker.event('database:lost');
    await s.open('go');
    await until(
      () =>
        (
          s
            .journals()
            .join('')
            .match(/"kind":"end"/g) ?? []
        ).length === 3,
      PATIENCE_MS,
    );
    worker.kill('SIGKILL');
    await worker.exit;
    expect((await s.attempts(ids[0]!)).map((one) => one.status)).not.toEqual(['completed']);
    s.proxy.restore();
    const again = s.remote('one');
    await again.event('worker:started');
    await s.ended(ids);
    expect(await s.wrongs(ids)).toEqual([]);
    for (const id of ids) expect(await s.attempts(id)).toMatchObject([{ attempt: 1, status: 'completed' }]);
    // What had not ended was lost with its process, and runs again.
    await until(async () => (await s.attempts(open)).length === 2, PATIENCE_MS);
    expect(await s.attempts(open)).toMatchObject([{ status: 'lost' }, { device_id: 'one' }]);
    expect(s.journals()).toEqual([]);
  });

  it('ends with SIGTERM as any worker: what runs may finish, nothing more is begun, exit 0', async (test) => {
    const { expect } = test;
    const s = await remoteScene(test, 'remote_term');
    const worker = s.remote('one', ['--slots', '1']);
    const running = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: running });
    const waiting = await s.add();
    worker.kill('SIGTERM');
    await worker.event('worker:draining');
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await s.wrongs([running])).toEqual([]);
    expect((await s.attempts(waiting)).length).toBe(0);
  });
});
