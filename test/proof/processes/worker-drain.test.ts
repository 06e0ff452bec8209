// `afd worker --drain` and `--once` as cron runs them: what they print, and how they end.
import { hostname } from 'node:os';
import { describe, it } from 'vitest';
import { readTask } from '../../helpers/factories.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';

const BAD = { handlers: { bad: { exec: ['false'] } } };

describe.concurrent('afd worker --drain', { timeout: MINUTES }, () => {
  it('RC13 is exit 6 when an attempt failed', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drain_failed', BAD);
    await s.add({}, { task_type: 'bad', max_retry_count: 0 });
    await s.add();
    const run = await s.run('worker', '--drain', '--json', '--device-id', 'w');
    expect(run.code).toBe(6);
    expect(JSON.parse(run.stdout)).toEqual({ device_id: 'w', finished: { done: 1, retry: 1 }, ended_by: 'drained' });
    await s.add({}, { task_type: 'bad', max_retry_count: 0 });
    expect((await s.run('worker', '--once', '--device-id', 'w')).code).toBe(6);
  });

  it('RC13 is exit 75 over a resource limit: nothing is executed, and the reason is printed', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'held', { worker: { resource_limits: { memory_usage: 0.01, interval: 0.1 } } });
    const id = await s.add();
    for (const mode of ['--drain', '--once']) {
      const run = await s.run('worker', mode, '--json', '--device-id', 'w');
      expect([run.code, JSON.parse(run.stdout)]).toEqual([
        75,
        { device_id: 'w', finished: {}, ended_by: 'over_limits' },
      ]);
      expect(run.stderr).toMatch(/memory is at [\d.]+ %, over its limit of 0.01 %/);
    }
    expect(await readTask(s.session, s.db.names, id)).toMatchObject({ status: 'pending' });
  });

  // Twenty seconds of it are the time that is up; a busy machine may need some of them to start the worker.
  it('RC13 after --max-time claims nothing more, lets what runs finish, and is exit 7', {
    timeout: 120_000,
  }, async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drain_time');
    const running = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--drain', '--slots', '1', '--max-time', '20s'] });
    await s.noted({ what: 'start', task_id: running });
    await worker.event('worker:draining', (line) => line.running === 1);
    const waiting = await s.add();
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 7, signal: null });
    expect(await readTask(s.session, s.db.names, running)).toMatchObject({ status: 'done' });
    expect(await readTask(s.session, s.db.names, waiting)).toMatchObject({ status: 'pending', attempt: 0 });
  });

  it('SIGTERM is exit 0 when what ran has finished, also when an attempt had failed before', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drain_sigterm', BAD);
    const bad = await s.add({}, { task_type: 'bad', max_retry_count: 0 });
    const running = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--drain', '--max-time', '5m'] });
    await s.noted({ what: 'start', task_id: running });
    await s.ended([bad], 'failed');
    worker.kill('SIGTERM');
    await worker.event('worker:draining');
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await readTask(s.session, s.db.names, running)).toMatchObject({ status: 'done' });
  });

  it('is exit 5 when the device runs already, 2 for --max-time alone', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drain_twice', { master: { heartbeat_timeout: 600 } });
    const first = s.start('worker', { deviceId: 'w' });
    await first.event('worker:started');
    for (const mode of ['--drain', '--once']) {
      expect((await s.run('worker', mode, '--device-id', 'w', '--max-time', '1m')).code).toBe(5);
    }
    const said = await s.run('worker', '--once', '--device-id', 'w', '--json');
    expect(JSON.parse(said.stdout)).toMatchObject({
      error: {
        code: 'E_DEVICE_RUNNING',
        message: expect.stringContaining(
          `is already running on ${hostname()} (127.0.0.1, process ${first.pid}) since `,
        ),
        data: { device_id: 'w', host: hostname(), pid: first.pid },
      },
    });
    const alone = await s.run('worker', '--max-time', '1m', '--json');
    expect(alone.code).toBe(2);
    expect(JSON.parse(alone.stdout)).toMatchObject({ error: { code: 'E_USAGE' } });
  });
});

describe.concurrent('finding B5: at warn cron gets no mail while all goes well', { timeout: MINUTES }, () => {
  const env = { AFD_LOG_LEVEL: 'warn' };

  it('afd leader --once while another node leads is exit 0, and says who only at info', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'quiet_leader');
    await s.start('leader', { deviceId: 'first' }).event('leader:gained');
    const quiet = s.start('leader', { deviceId: 'second', args: ['--once'], env });
    expect([await quiet.exit, quiet.output]).toEqual([{ code: 0, signal: null }, '']);
    const told = s.start('leader', { deviceId: 'second', args: ['--once'], env: { AFD_LOG_LEVEL: 'info' } });
    expect((await told.event('leader:other')).message).toMatch(/^first is leader, term \d+: nothing to do$/);
    expect(await told.exit).toEqual({ code: 0, signal: null });
  });

  it('afd worker --once and --drain while the round before works are exit 5', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'quiet_round', { master: { heartbeat_timeout: 600 } });
    await s.start('worker', { deviceId: 'w' }).event('worker:started');
    for (const mode of ['--once', '--drain']) {
      const round = s.start('worker', { deviceId: 'w', args: [mode], env });
      expect([await round.exit, round.output]).toEqual([{ code: 5, signal: null }, '']);
    }
    const told = s.start('worker', { deviceId: 'w', args: ['--once'], env: { AFD_LOG_LEVEL: 'info' } });
    expect(await told.exit).toEqual({ code: 5, signal: null });
    expect(told.output).toContain('w is already running on');
  });

  it('but another machine under the same id is reported, and so is a node that is to stay', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'loud_round', { master: { heartbeat_timeout: 600 } });
    await s.start('worker', { deviceId: 'w' }).event('worker:started');
    const stays = s.start('worker', { deviceId: 'w', env });
    expect(await stays.exit).toEqual({ code: 5, signal: null });
    expect(stays.output).toContain('[E_DEVICE_RUNNING]');
    await s.session.write(`UPDATE ${s.db.names.device} SET host_name = 'elsewhere' WHERE device_id = 'w'`);
    const round = s.start('worker', { deviceId: 'w', args: ['--once'], env });
    expect(await round.exit).toEqual({ code: 5, signal: null });
    expect(round.output).toContain('w is already running on elsewhere (127.0.0.1, process ');
  });
});
