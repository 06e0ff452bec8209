// SIGKILL of processes that hold work, lead, or do both. Each test has a schema of its own, so they run side by side.
import { describe, it } from 'vitest';
import { readDevice } from '../helpers/factories.ts';
import { type FleetProcess, gone, MINUTES } from '../helpers/fleet-process.ts';
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

const terms = (...processes: FleetProcess[]) =>
  processes
    .flatMap((one) => one.lines)
    .filter((line) => line.event === 'leader:gained')
    .map((line) => line.term);

/** A measurement, for who reads the output. */
const report = (what: string, since: number) =>
  process.stderr.write(`SIGKILL ${what} ${Math.round(performance.now() - since)} ms after SIGKILL\n`);

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

    const killed = performance.now();
    victim.kill('SIGKILL');
    const dead = await rescuer.event('device:dead', (line) => line.dead_device_id === 'victim');
    expect(dead).toMatchObject({ by: 'lock', tasks: 3 });
    for (const task_id of held) await s.noted({ what: 'start', task_id, device_id: 'rescuer' });
    report('full worker: all 3 tasks begun elsewhere', killed);
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
    await busy(s, 'rescuer', 0);
    expect(s.complaints('error')).toEqual([]);
  });

  it('of one leader after the other, the first at work: terms only rise, and nobody waits for a leader to get work', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'leaders');
    const first = s.start('worker', { deviceId: 'both', args: ['--slots', '1'] });
    await first.event('leader:gained');
    const held = await s.add({ gate: 'held' });
    await s.noted({ what: 'start', task_id: held, device_id: 'both' });
    const second = s.start('leader', { deviceId: 'leader-2' });
    const worker = s.start('worker', { deviceId: 'worker', args: ['--no-leader'] });
    const ids = [await s.add()];
    await s.ended(ids);
    await second.event('device:heartbeat');

    const killed = performance.now();
    first.kill('SIGKILL');
    ids.push(await s.add());
    await s.ended(ids);
    await second.event('leader:gained');
    report('leader: another leads', killed);
    await s.noted({ what: 'start', task_id: held, device_id: 'worker' });
    await s.open('held');
    await s.ended([held]);
    expect((await s.attempts(held))[0]).toMatchObject({ device_id: 'both', status: 'lost', cause: 'device_dead' });
    second.kill('SIGKILL');
    await second.exit;
    // Nobody is left who could lead.
    for (let n = 0; n < 5; n += 1) ids.push(await s.add());
    await s.ended(ids);
    const third = s.start('leader', { deviceId: 'leader-3' });
    await third.event('leader:gained');
    expect(terms(first, second, third)).toEqual([1, 2, 3]);
    expect(await s.wrongs([held, ...ids])).toEqual([]);
    const runs = executions(await s.ledger());
    expect([held, ...ids].map((id) => runs.get(id))).toEqual([2, ...ids.map(() => 1)]);
    expect(worker.lines.filter((line) => line.level === 'error' || line.event === 'task:lost')).toEqual([]);
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
    await busy(s, 'phoenix', 0);
    expect(after.lines.filter((line) => line.level === 'error')).toEqual([]);
  });
});
