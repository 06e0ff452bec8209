// A remote worker as a process that is killed during an outage: `afd worker` with a configuration in which no database stands.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OF_PROCESSES } from '../../helpers/fast.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';
import { tcpProxy } from '../../helpers/tcp-proxy.ts';
import { until } from '../../helpers/wait.ts';

it('a remote worker delivers what it had kept before it was killed when it starts again, each result once', {
  timeout: MINUTES,
}, async (test) => {
  const master = { ...OF_PROCESSES.master, heartbeat_timeout: 5 };
  const s = await scene(test, '', { master });
  const proxy = await tcpProxy((await s.serve()).url);
  test.onTestFinished(() => proxy.close());
  const remote = {
    worker: { ...OF_PROCESSES.worker, gateway: proxy.url, offline_for: 600, max_concurrent_tasks: 4 },
    handlers: { work: { module: './work.mjs', isolation: 'none' } },
    ...{ master, log: { level: 'debug', format: 'json' } },
  };
  writeFileSync(join(s.dir, 'remote.yaml'), JSON.stringify(remote), { mode: 0o600 });
  s.start('leader', { deviceId: 'boss' });
  const start = () => s.start('worker', { deviceId: 'one', args: ['--config', 'remote.yaml'] });
  const worker = start();
  const ids = [await s.add({ gate: 'go' }), await s.add({ gate: 'go' }), await s.add({ gate: 'go' })];
  const open = await s.add({ gate: 'never' });
  for (const task_id of [...ids, open]) await s.noted({ what: 'start', task_id });
  proxy.cut();
  await worker.event('database:lost');
  await s.open('go');
  const folder = join(s.dir, 'afd-journal');
  const journals = () =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => name.endsWith('.journal'))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
  await until(() => journals().join('').split('"kind":"end"').length === 1 + ids.length, PATIENCE_MS);
  worker.kill('SIGKILL');
  await worker.exit;
  proxy.restore();
  await start().event('worker:started');
  await s.ended(ids);
  for (const id of ids) expect(await s.attempts(id)).toMatchObject([{ attempt: 1, status: 'completed' }]);
  // What had not ended was lost with its process, and runs again.
  await until(async () => (await s.attempts(open)).length === 2, PATIENCE_MS);
  expect(await s.attempts(open)).toMatchObject([{ status: 'lost' }, { device_id: 'one' }]);
  expect(journals()).toEqual([]);
});
