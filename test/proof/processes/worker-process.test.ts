// `afd worker` and `afd leader` as processes: how they start, refuse, stop, and what they print. Each test has a schema
// of its own, so they run side by side.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../src/core/server/launch-server.ts';
import { readDevice, readTask } from '../../helpers/factories.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';

describe.concurrent('a worker process that is asked to stop', { timeout: MINUTES }, () => {
  it.for([
    ['SIGTERM', []],
    ['SIGHUP', ['--drain', '--max-time', '5m']],
  ] as const)(
    'A4 %s %j: what runs may finish, nothing more is begun, the device is offline, exit 0',
    async ([signal, args], test) => {
      const s = await scene(test, `drain_${signal.toLowerCase()}`, { handlers: { bad: { exec: ['false'] } } });
      // An attempt that failed before changes nothing of it.
      const bad = await s.add({}, { task_type: 'bad', max_retry_count: 0, priority: 10 });
      const running = await s.add({ gate: 'go' });
      const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '1', ...args] });
      await s.ended([bad], 'failed');
      await s.noted({ what: 'start', task_id: running });
      const waiting = await s.add();
      worker.kill(signal);
      await worker.event('worker:draining', (line) => line.running === 1);
      await s.open('go');
      expect(await worker.exit).toEqual({ code: 0, signal: null });
      expect(await s.wrongs([running])).toEqual([]);
      expect(await readTask(s.session, s.db.names, waiting)).toMatchObject({ status: 'pending', attempt: 0 });
      expect(await readDevice(s.session, s.db.names, 'w')).toMatchObject({ status: 'offline', current_tasks: 0 });
      expect(s.complaints('error')).toHaveLength(1);
    },
  );

  it.for([
    ['a second SIGTERM', 143, 'SIGTERM', 600],
    ['the shutdown deadline', 143, undefined, 0.2],
    ['a second SIGINT', 130, 'SIGINT', 600],
  ] as const)(
    'A4 %s releases what runs, also what ignores its signal, and nothing is spent: exit %s',
    async ([, code, second, shutdown_timeout], test) => {
      const s = await scene(test, `stop_${second ?? 'deadline'}`, {
        worker: { shutdown_timeout, kill_grace: 0.2 },
        handlers: { hang: { module: './hang.mjs', isolation: 'none' }, deaf: { exec: ['./deaf.sh'] } },
        files: {
          'hang.mjs': 'export default () => new Promise(() => setInterval(() => {}, 1000));\n',
          'deaf.sh': '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.1; done\n',
        },
      });
      await chmod(join(s.dir, 'deaf.sh'), 0o755);
      const obedient = await s.add({ gate: 'never' });
      const ids = [obedient];
      for (const task_type of ['command', 'deaf', 'hang']) ids.push(await s.add({}, { task_type }));
      const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '4'] });
      for (const id of ids) await worker.event('task:started', (line) => line.task_id === id);
      for (const task_id of ids.slice(0, 2)) await s.noted({ what: 'start', task_id });
      worker.kill(second ?? 'SIGTERM');
      await worker.event('worker:draining');
      if (second !== undefined) worker.kill(second);
      expect(await worker.exit).toEqual({ code, signal: null });
      await s.noted({ what: 'abort', task_id: obedient });
      for (const [n, id] of ids.entries()) {
        const unspent = { status: 'pending', attempt: 1, retry: 0, lost_count: 0 };
        expect(await readTask(s.session, s.db.names, id)).toMatchObject(unspent);
        const cause = n === 3 ? 'stuck' : 'shutdown';
        expect(await s.attempts(id)).toMatchObject([{ status: 'released', cause }]);
      }
      expect(await readDevice(s.session, s.db.names, 'w')).toMatchObject({ status: 'offline' });
    },
  );
});

describe.concurrent('a worker process that starts', { timeout: MINUTES }, () => {
  it('A7 under the id of a frozen one waits for its lock, closes what it held, and the frozen one stops with exit 5', async (test) => {
    const s = await scene(test, 'frozen', { master: { heartbeat_timeout: 4 }, database: { session_timeout: 1 } });
    const frozen = s.start('worker', { deviceId: 'same' });
    const held = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: held, attempt: 1 });
    frozen.kill('SIGSTOP');
    // As if it had been silent for longer than its session: such a holder is waited for, a fresh one is not.
    await s.session.write(`UPDATE ${s.db.names.device} SET last_heartbeat = UTC_TIMESTAMP(3) - INTERVAL 9 SECOND`);
    const next = s.start('worker', { deviceId: 'same' });
    await s.noted({ what: 'start', task_id: held, attempt: 2 });
    frozen.kill('SIGCONT');
    expect(await frozen.exit).toEqual({ code: 5, signal: null });
    expect(frozen.output).toContain('same was taken over by a newer process');
    await s.open('go');
    await s.ended([held]);
    expect(await s.attempts(held)).toMatchObject([{ status: 'lost', cause: 'superseded' }, { status: 'completed' }]);
    expect(next.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('A16 without a database ends with exit 69, on the tables of a newer version with exit 78, and says why', async (test) => {
    const port = await freePort(undefined);
    const nowhere = await fleet(test, { url: `mysql://afd@127.0.0.1:${port}/afd` });
    const none = { args: ['--wait-database', '0'] };
    for (const one of [nowhere.start('worker', none), nowhere.start('leader', none)]) {
      expect(await one.exit).toEqual({ code: 69, signal: null });
      expect(one.output).toContain(`127.0.0.1:${port}/afd`);
    }
    const s = await scene(test, 'newer');
    const { migration } = s.db.names;
    await s.session.write(`INSERT INTO ${migration} (name, batch, migration_time) VALUES ('9999_future.js', 9, NOW())`);
    const newer = s.start('worker');
    expect(await newer.exit).toEqual({ code: 78, signal: null });
    expect(newer.output).toContain('9999_future.js');
    await s.session.write(`DELETE FROM ${migration} WHERE name = '9999_future.js'`);
  });
});
