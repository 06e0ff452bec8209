// `afd worker --drain` and `--once` as cron runs them: what they print, and how they end.
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { readTask } from '../../helpers/factories.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';

describe.concurrent('afd worker --drain', { timeout: MINUTES }, () => {
  it('RC13 is exit 6 when an attempt failed', async (test) => {
    const s = await scene(test, 'drain_failed', { handlers: { bad: { exec: ['false'] } } });
    const bad = () => s.add({}, { task_type: 'bad', max_retry_count: 0 });
    await bad();
    await s.add();
    const run = await s.run('worker', '--drain', '--json', '--device-id', 'w');
    const result = { device_id: 'w', finished: { done: 1, retry: 1 }, ended_by: 'drained' };
    expect([run.code, JSON.parse(run.stdout)]).toEqual([6, result]);
    await bad();
    expect((await s.run('worker', '--once', '--device-id', 'w')).code).toBe(6);
  });

  it('RC13 is exit 75 over a resource limit: nothing is executed, and the reason is printed', async (test) => {
    const s = await scene(test, 'held', { worker: { resource_limits: { memory_usage: 0.01, interval: 0.1 } } });
    const id = await s.add();
    for (const mode of ['--drain', '--once']) {
      const run = await s.run('worker', mode, '--json', '--device-id', 'w');
      const result = { device_id: 'w', finished: {}, ended_by: 'over_limits' };
      expect([run.code, JSON.parse(run.stdout)]).toEqual([75, result]);
      expect(run.stderr).toMatch(/memory is at [\d.]+ %, over its limit of 0.01 %/);
    }
    expect(await readTask(s.session, s.db.names, id)).toMatchObject({ status: 'pending' });
  });

  // Twenty seconds of it are the time that is up; a busy machine may need some of them to start the worker.
  it('RC13 after --max-time claims nothing more, lets what runs finish, and is exit 7', async (test) => {
    const s = await scene(test, 'drain_time');
    const running = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--drain', '--slots', '1', '--max-time', '20s'] });
    await s.noted({ what: 'start', task_id: running });
    await worker.event('worker:draining', (line) => line.running === 1);
    const waiting = await s.add();
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 7, signal: null });
    await s.ended([running]);
    expect(await readTask(s.session, s.db.names, waiting)).toMatchObject({ status: 'pending', attempt: 0 });
  });
});

describe.concurrent('finding B5: at warn cron gets no mail while all goes well', { timeout: MINUTES }, () => {
  const env = { AFD_LOG_LEVEL: 'warn' };

  it('afd leader --once while another node leads is exit 0, and says who only at info', async (test) => {
    const s = await scene(test, 'quiet_leader');
    await s.start('leader', { deviceId: 'first' }).event('leader:gained');
    const quiet = s.start('leader', { deviceId: 'second', args: ['--once'], env });
    expect([await quiet.exit, quiet.output]).toEqual([{ code: 0, signal: null }, '']);
    const told = s.start('leader', { deviceId: 'second', args: ['--once'], env: { AFD_LOG_LEVEL: 'info' } });
    expect((await told.event('leader:other')).message).toMatch(/^first is leader, term \d+: nothing to do$/);
    expect(await told.exit).toEqual({ code: 0, signal: null });
  });

  it('afd worker --once and --drain are exit 5 while the round before works, and loud for another machine', async (test) => {
    const s = await scene(test, 'quiet_round', { master: { heartbeat_timeout: 600 } });
    const first = s.start('worker', { deviceId: 'w' });
    await first.event('worker:started');
    const round = async (mode: string, level: string) => {
      const one = s.start('worker', { deviceId: 'w', args: [mode], env: { AFD_LOG_LEVEL: level } });
      expect(await one.exit).toEqual({ code: 5, signal: null });
      return one.output;
    };
    expect([await round('--once', 'warn'), await round('--drain', 'warn')]).toEqual(['', '']);
    expect(await round('--once', 'info')).toContain('w is already running on');
    const said = await s.run('worker', '--once', '--device-id', 'w', '--json');
    const data = { device_id: 'w', host: hostname(), pid: first.pid };
    expect(JSON.parse(said.stdout)).toMatchObject({ error: { code: 'E_DEVICE_RUNNING', data } });
    await s.session.write(`UPDATE ${s.db.names.device} SET host_name = 'elsewhere' WHERE device_id = 'w'`);
    expect(await round('--once', 'warn')).toContain('w is already running on elsewhere (127.0.0.1, process ');
  });
});
