// `afd worker --drain` as cron runs it.
import { describe, it } from 'vitest';
import { MINUTES } from '../helpers/fleet-process.ts';
import { scene } from '../helpers/scene.ts';

describe.concurrent('afd worker --drain', { timeout: MINUTES }, () => {
  it('RC13 executes what is due, prints nothing at warn, and is exit 0', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'drained');
    const ids = [await s.add(), await s.add(), await s.add()];
    const env = { AFD_LOG_LEVEL: 'warn' };
    const worker = s.start('worker', { deviceId: 'w', args: ['--drain', '--slots', '1', '--max-time', '1m'], env });
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(worker.output).toBe('');
    expect(await s.wrongs(ids)).toEqual([]);
    const run = await s.run('worker', '--drain', '--json', '--device-id', 'w');
    expect([run.code, JSON.parse(run.stdout)]).toEqual([0, { device_id: 'w', finished: {}, ended_by: 'drained' }]);
  });
});
