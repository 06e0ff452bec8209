// SIGKILL of workers that hold work. Each test has a schema of its own, so they run side by side.
import { describe, it } from 'vitest';
import { readDevice } from '../helpers/factories.ts';
import { gone, MINUTES } from '../helpers/fleet-process.ts';
import { executions } from '../helpers/ledger.ts';
import { type Scene, scene } from '../helpers/scene.ts';
import { until } from '../helpers/wait.ts';

/** Returns when the device runs so many tasks by its row. */
const busy = ({ session, db }: Scene, id: string, n: number) =>
  until(
    async () => (await readDevice(session, db.names, id))?.current_tasks === n,
    20_000,
    `current_tasks ${n} of ${id}`,
  );

describe.concurrent('SIGKILL', { timeout: MINUTES }, () => {
  it('A3 D1 of a full worker: its tasks run elsewhere, its commands die, and nobody else notices', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'full');
    const victim = s.start('worker', { deviceId: 'victim', args: ['--slots', '3', '--no-leader'] });
    const command = await s.add({}, { task_type: 'command' });
    const held = [await s.add({ gate: 'held' }), await s.add({ gate: 'held' }), command];
    for (const task_id of held) await s.noted({ what: 'start', task_id, device_id: 'victim' });
    const { pid } = await s.noted({ what: 'command', task_id: command, device_id: 'victim' });
    await victim.event('device:heartbeat', (line) => line.message.endsWith(': busy'));
    const rescuer = s.start('worker', { deviceId: 'rescuer', args: ['--slots', '8'] });
    const others = [await s.add({ gate: 'others' }), await s.add({ gate: 'others' })];
    for (const task_id of others) await s.noted({ what: 'start', task_id, device_id: 'rescuer' });

    victim.kill('SIGKILL');
    const dead = await rescuer.event('device:dead', (line) => line.dead_device_id === 'victim');
    expect(dead).toMatchObject({ by: 'lock', tasks: 3 });
    for (const task_id of held) await s.noted({ what: 'start', task_id, device_id: 'rescuer' });
    await until(() => gone(pid), 10_000, 'the end of the command of the killed worker');
    await busy(s, 'victim', 0);
    await busy(s, 'rescuer', 5);

    for (const gate of ['held', 'others', 'command']) await s.open(gate);
    await s.ended([...held, ...others]);
    for (const id of held)
      expect(await s.attempts(id)).toMatchObject([
        { attempt: 1, device_id: 'victim', status: 'lost', cause: 'device_dead' },
        { attempt: 2, device_id: 'rescuer', status: 'completed' },
      ]);
    expect(await s.wrongs([...held, ...others])).toEqual([]);
    const runs = executions(await s.ledger());
    expect([...others, ...held].map((id) => runs.get(id))).toEqual([1, 1, 2, 2, 2]);
    expect(s.complaints('error')).toEqual([]);
  });

  it('D2 G7 of a full worker that is started again at once: it closes what it held as superseded, and works', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'again');
    const args = ['--slots', '2'];
    const before = s.start('worker', { deviceId: 'phoenix', args });
    const held = [await s.add({ gate: 'held' }), await s.add({ gate: 'held' })];
    for (const task_id of held) await s.noted({ what: 'start', task_id, attempt: 1 });
    before.kill('SIGKILL');
    await before.exit;
    const after = s.start('worker', { deviceId: 'phoenix', args });
    for (const task_id of held) await s.noted({ what: 'start', task_id, attempt: 2 });
    await s.open('held');
    const fresh = await s.add();
    await s.ended([...held, fresh]);
    for (const id of held)
      expect(await s.attempts(id)).toMatchObject([{ status: 'lost', cause: 'superseded' }, { status: 'completed' }]);
    expect(await s.wrongs([...held, fresh])).toEqual([]);
    expect(after.lines.filter((line) => line.level === 'error')).toEqual([]);
  });
});
