// `afd worker` and `afd leader` as processes: how they start, refuse, stop, and what they print. Each test has a schema
// of its own, so they run side by side.
import { hostname } from 'node:os';
import { describe, it } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import { deviceIdOf } from '../../../src/core/node/device-identity.ts';
import { freePort } from '../../../src/core/server/launch-server.ts';
import { addressOf, serverAddress } from '../../helpers/database.ts';
import { readDevice, readTask } from '../../helpers/factories.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

describe.concurrent('a worker process that is asked to stop', { timeout: MINUTES }, () => {
  it('A4 SIGTERM: what runs may finish, nothing more is begun, the device is offline, exit 0', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drain');
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '1'] });
    const running = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: running });
    const waiting = await s.add();
    worker.kill('SIGTERM');
    await worker.event('worker:draining', (line) => line.running === 1);
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await s.wrongs([running])).toEqual([]);
    expect(await readTask(s.session, s.db.names, waiting)).toMatchObject({ status: 'pending', attempt: 0 });
    expect(await readDevice(s.session, s.db.names, 'w')).toMatchObject({ status: 'offline', current_tasks: 0 });
    expect(s.complaints('error')).toEqual([]);
  });

  it.for([
    ['a second SIGTERM', 143, 'SIGTERM', 20],
    ['the shutdown deadline', 143, undefined, 0.2],
    ['a second SIGINT', 130, 'SIGINT', 20],
  ] as const)(
    'A4 %s releases what runs, and nothing is spent: exit %s',
    async ([, code, second, shutdown_timeout], test) => {
      const { expect } = test;
      const s = await scene(test, `stop_${second ?? 'deadline'}`, { worker: { shutdown_timeout } });
      const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
      const ids = [await s.add({ gate: 'never' }), await s.add({}, { task_type: 'command' })];
      for (const task_id of ids) await s.noted({ what: 'start', task_id });
      worker.kill(second ?? 'SIGTERM');
      await worker.event('worker:draining');
      if (second !== undefined) worker.kill(second);
      expect(await worker.exit).toEqual({ code, signal: null });
      await s.noted({ what: 'abort', task_id: ids[0]! });
      for (const id of ids) {
        expect(await readTask(s.session, s.db.names, id)).toMatchObject({
          status: 'pending',
          attempt: 1,
          retry: 0,
          lost_count: 0,
        });
        expect(await s.attempts(id)).toMatchObject([{ status: 'released', cause: 'shutdown' }]);
      }
      expect(await readDevice(s.session, s.db.names, 'w')).toMatchObject({ status: 'offline' });
    },
  );
});

describe.concurrent('a worker process that starts', { timeout: MINUTES }, () => {
  it('A7 under the id of a live one is refused at once with exit 5, and the other goes on', async (test) => {
    const { expect } = test;
    // Waiting for the other would take longer than the test may.
    const s = await scene(test, 'twice', { master: { heartbeat_timeout: 600 } });
    const first = s.start('worker', { deviceId: 'same' });
    await first.event('worker:started');
    const second = s.start('worker', { deviceId: 'SAME' });
    expect(await second.exit).toEqual({ code: 5, signal: null });
    expect(second.output).toContain(`SAME is already running on ${hostname()} (127.0.0.1, process ${first.pid}) since`);
    const id = await s.add();
    await s.ended([id]);
    expect(s.complaints('error')).toEqual([]);
  });

  it('A7 without an id takes the host name, the next one on the host <host name>-2', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'unnamed');
    const workers = [s.start('worker'), s.start('worker')];
    const registered = await Promise.all(workers.map((one) => one.event('device:registered')));
    const host = deviceIdOf(hostname());
    expect(registered.map((line) => line.device_id).sort()).toEqual([host, `${host}-2`]);
  });

  it('A7 under the id of a frozen one waits for its lock, closes what it held, and the frozen one stops with exit 5', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'frozen', { master: { heartbeat_timeout: 4 }, database: { session_timeout: 1 } });
    const frozen = s.start('worker', { deviceId: 'same' });
    const held = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: held, attempt: 1 });
    frozen.kill('SIGSTOP');
    // As if it had been silent for longer than its session: such a holder is waited for, a fresh one is not.
    await s.session.write(`UPDATE ${s.db.names.device} SET last_heartbeat = UTC_TIMESTAMP(3) - INTERVAL 9 SECOND`);
    const next = s.start('worker', { deviceId: 'same' });
    await next.event('worker:started');
    await s.noted({ what: 'start', task_id: held, attempt: 2 });
    frozen.kill('SIGCONT');
    expect(await frozen.exit).toEqual({ code: 5, signal: null });
    expect(frozen.output).toContain('same was taken over by a newer process');
    await s.open('go');
    await s.ended([held]);
    expect(await s.attempts(held)).toMatchObject([{ status: 'lost', cause: 'superseded' }, { status: 'completed' }]);
    expect(await s.wrongs([held])).toEqual([]);
    expect(next.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('A16 without a database ends with exit 69 and says where it looked', async (test) => {
    const { expect } = test;
    const port = await freePort(undefined);
    const { start } = await fleet(test, { url: `mysql://afd@127.0.0.1:${port}/afd` });
    const none = { args: ['--wait-database', '0'] };
    const processes = [start('worker', none), start('leader', none)];
    for (const one of processes) {
      expect(await one.exit).toEqual({ code: 69, signal: null });
      expect(one.output).toContain(`127.0.0.1:${port}/afd`);
    }
  });

  it('on a schema without tables, or one newer than itself, ends with exit 78', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'newer');
    await s.session.write(
      `INSERT INTO ${s.db.names.migration} (name, batch, migration_time) VALUES ('9999_future.js', 9, NOW())`,
    );
    test.onTestFinished(async () => {
      await s.session.write(`DELETE FROM ${s.db.names.migration} WHERE name = '9999_future.js'`);
    });
    const newer = s.start('worker');
    const url = new URL(s.db.url);
    url.pathname += '_bare';
    const admin = new Session({
      address: serverAddress(),
      timeZone: '+00:00',
      idleTimeoutS: 60,
      deadlineMs: 30_000,
      multiStatements: false,
    });
    test.onTestFinished(() => admin.close());
    await admin.ready();
    await admin.write(`CREATE DATABASE IF NOT EXISTS \`${addressOf(url.href).database}\``);
    const { start } = await fleet(test, { url: url.href });
    const bare = start('leader');
    expect(await newer.exit).toEqual({ code: 78, signal: null });
    expect(newer.output).toContain('9999_future.js');
    expect(await bare.exit).toEqual({ code: 78, signal: null });
    expect(bare.output).toContain('afd migrate up');
  });
});

it('an idle fleet says at info that it has started and who leads, and nothing more', {
  timeout: MINUTES,
}, async (test) => {
  const { expect } = test;
  const s = await scene(test, 'idle', {
    log: { level: 'info' },
  });
  const processes = [
    s.start('leader', { deviceId: 'l' }),
    s.start('worker', { deviceId: 'w1' }),
    s.start('worker', { deviceId: 'w2' }),
  ];
  const [leader] = await Promise.all([
    until(
      () => processes.find((one) => one.lines.some((line) => line.event === 'leader:gained')),
      PATIENCE_MS,
      'a leader',
    ),
    ...processes.slice(1).map((one) => one.event('worker:started')),
  ]);
  const beats = async () => {
    const rows = await s.session.rows(`SELECT COUNT(*) AS n FROM ${s.db.names.heartbeat} GROUP BY device_id`);
    return rows.map((row) => row.n as number);
  };
  await until(async () => (await beats()).filter((n) => n >= 10).length === 3, PATIENCE_MS, 'ten heartbeats of each');
  // The first leader of a schema adds the partitions of heartbeats and run logs, once a day from then on.
  const said = processes.map((one) =>
    one.lines.filter((line) => !/prune(-logs)? ran$/.test(line.message)).map((line) => line.event),
  );
  const started = [[], ['worker:started'], ['worker:started']];
  expect(said.map((events) => events.sort())).toEqual(
    processes.map((one, n) => [...(one === leader ? ['leader:gained'] : []), ...started[n]!]),
  );
  expect(s.complaints('warn')).toEqual([]);
});
