// SIGSTOP: a process that stands still until others take its place, and then goes on as if nothing had been.
import { describe, it } from 'vitest';
import { MINUTES, PATIENCE_MS } from '../helpers/fleet-process.ts';
import { executions } from '../helpers/ledger.ts';
import { scene } from '../helpers/scene.ts';

describe.concurrent('SIGSTOP and SIGCONT', { timeout: MINUTES }, () => {
  it('B1 of a worker: its tasks are taken, what it says later is refused, and it works again', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'sleeper', { master: { heartbeat_timeout: 5 } });
    const sleeper = s.start('worker', { deviceId: 'sleeper', args: ['--no-leader'] });
    const deaf = await s.add({ gate: 'deaf', deaf: true });
    const obedient = await s.add({ gate: 'obedient' });
    const ids = [deaf, obedient];
    for (const task_id of ids) await s.noted({ what: 'start', task_id, device_id: 'sleeper' });
    const other = s.start('worker', { deviceId: 'other' });
    await other.event('leader:gained');

    sleeper.kill('SIGSTOP');
    await other.event('device:dead', (line) => line.dead_device_id === 'sleeper');
    for (const task_id of ids) await s.noted({ what: 'start', task_id, device_id: 'other' });
    await s.open('deaf');
    await s.open('obedient-other');
    await s.ended(ids);

    const from = sleeper.lines.length;
    sleeper.kill('SIGCONT');
    await s.noted({ what: 'end', task_id: deaf, device_id: 'sleeper' });
    await s.noted({ what: 'abort', task_id: obedient, device_id: 'sleeper' });
    await sleeper.event('task:lost', (line) => line.task_id === deaf, PATIENCE_MS, from);
    for (const id of ids)
      expect(await s.attempts(id)).toMatchObject([
        { device_id: 'sleeper', status: 'lost', cause: 'device_dead' },
        { device_id: 'other', status: 'completed' },
      ]);
    other.kill('SIGTERM');
    expect(await other.exit).toEqual({ code: 0, signal: null });
    const fresh = await s.add();
    await s.noted({ what: 'end', task_id: fresh, device_id: 'sleeper' });
    await s.ended([fresh]);
    expect(await s.wrongs([...ids, fresh])).toEqual([]);
    expect(executions(await s.ledger()).get(fresh)).toBe(1);
  });
});
