// SIGSTOP: a process that stands still until others take its place, and then goes on as if nothing had been.
import { describe, it } from 'vitest';
import { insertDevice } from '../helpers/factories.ts';
import { MINUTES, PATIENCE_MS } from '../helpers/fleet-process.ts';
import { executions } from '../helpers/ledger.ts';
import { scene } from '../helpers/scene.ts';
import { until } from '../helpers/wait.ts';

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

  it('of the leader in the middle of a duty: its write is refused, another has done it, and it follows', async (test) => {
    const { expect } = test;
    // Its calls and its session must outlive the stop: the fence is what is tested.
    const s = await scene(test, 'frozen', {
      master: { heartbeat_timeout: 5, lease_duration: 4, lease_trust: 3 },
      database: { call_timeout: 25, session_timeout: 40 },
    });
    const { session, db } = s;
    const frozen = s.start('leader', { deviceId: 'frozen' });
    await frozen.event('leader:gained');
    const heir = s.start('worker', { deviceId: 'heir' });
    await heir.event('worker:started');

    // The leader's UPDATE of this device waits for the test's lock once the device has been silent for too long.
    const locker = await db.session({ deadlineMs: 60_000 });
    await insertDevice(session, db.names, { device_id: 'ghost' });
    await locker.write('START TRANSACTION');
    await locker.rows(`SELECT id FROM ${db.names.device} WHERE device_id = 'ghost' FOR UPDATE`);
    await until(
      async () => {
        const [row] = await session.rows(
          `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST
           WHERE DB = ? AND INFO LIKE 'UPDATE%offline%' AND ID NOT IN (CONNECTION_ID())`,
          [db.address.database],
        );
        return row?.n === 1;
      },
      PATIENCE_MS,
      'the duty that waits for the lock',
    );
    frozen.kill('SIGSTOP');
    await locker.write('COMMIT');
    const gained = await heir.event('leader:gained');
    expect(gained.term).toBe(2);
    const from = frozen.lines.length;
    frozen.kill('SIGCONT');
    await frozen.event('leader:lost', () => true, PATIENCE_MS, from);
    await heir.event('device:dead', (line) => line.dead_device_id === 'ghost');
    // It is alive, and has asked the database again.
    await frozen.event('device:heartbeat', () => true, PATIENCE_MS, from);
    expect(frozen.lines.filter((line) => line.event === 'device:dead')).toEqual([]);
    expect(await session.rows(`SELECT holder, term FROM ${db.names.leader}`)).toEqual([{ holder: 'heir', term: 2 }]);

    heir.kill('SIGKILL');
    const again = await frozen.event('leader:gained', () => true, PATIENCE_MS, from);
    expect(again.term).toBe(3);
  });
});
