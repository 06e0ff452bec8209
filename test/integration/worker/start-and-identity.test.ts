// A worker whose database is late, or has forgotten it.
import { connect, createServer, type Server } from 'node:net';
import { describe, it, type TestContext } from 'vitest';
import { freePort } from '../../../src/core/server/launch-server.ts';
import { serverAddress } from '../../helpers/database.ts';
import { readDevice } from '../../helpers/factories.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { type Scene, scene } from '../../helpers/scene.ts';

/** A door to the test server. `cuts`: number of first connections that are cut in the middle of their first answer. */
async function door(test: TestContext, port: number, cuts = 0): Promise<Server> {
  const at = serverAddress();
  const target = at.socketPath === undefined ? { host: at.host!, port: at.port! } : { path: at.socketPath };
  let left = cuts;
  const server = createServer((inner) => {
    const outer = connect(target);
    const cut = left > 0;
    left -= 1;
    for (const one of [inner, outer]) one.on('error', () => {});
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
    inner.pipe(outer);
    if (cut) outer.once('data', () => inner.destroy());
    else outer.pipe(inner);
  });
  test.onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

function through(url: string, port: number): string {
  const moved = new URL(url);
  moved.search = '';
  moved.hostname = '127.0.0.1';
  moved.port = String(port);
  return moved.href;
}

describe('a node that starts before its database', { timeout: MINUTES }, () => {
  it.for(['worker', 'leader'] as const)(
    'finding F18: a %s waits for it, says so once and once when it is there, and goes on',
    async (role, test) => {
      const { expect } = test;
      const s = await scene(test, `late_${role}`);
      const port = await freePort(undefined);
      const late = await fleet(test, { url: through(s.db.url, port) });
      const node = late.start(role, { deviceId: 'late', args: ['--wait-database', '90'] });
      const waiting = await node.event('database:awaited');
      expect(waiting.message).toContain(`127.0.0.1:${port}`);
      await door(test, port, 3);
      await node.event('database:back');
      await node.event('device:registered');
      expect(node.lines.filter((line) => line.event === 'database:awaited')).toHaveLength(1);
      node.kill('SIGTERM');
      expect(await node.exit).toEqual({ code: 0, signal: null });
    },
  );

  it('finding F18: gives up with exit 69 when the time is up, and ends at once when it is asked to stop', async (test) => {
    const { expect } = test;
    const port = await freePort(undefined);
    const { start } = await fleet(test, { url: `mysql://afd@127.0.0.1:${port}/afd` });
    const short = start('worker', { args: ['--wait-database', '0.3s'] });
    expect(await short.exit).toEqual({ code: 69, signal: null });
    expect(short.output).toContain(`127.0.0.1:${port}/afd`);
    const long = start('worker', { args: ['--wait-database', '10m'] });
    await long.event('database:awaited');
    long.kill('SIGTERM');
    expect(await long.exit).toEqual({ code: 75, signal: null });
  });
});

/** A worker with a running task that a test can end. */
async function atWork(
  test: TestContext,
  purpose: string,
): Promise<{ s: Scene; task: number; worker: ReturnType<Scene['start']> }> {
  const s = await scene(test, purpose);
  const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
  const task = await s.add({ gate: 'go' });
  await s.noted({ what: 'start', task_id: task });
  return { s, task, worker };
}

const connectionOf = async (s: Scene): Promise<number> => {
  const [row] = await s.session.rows(
    `SELECT IS_USED_LOCK(lock_name) AS id FROM ${s.db.names.device} WHERE device_id = 'w'`,
  );
  return Number(row?.id);
};

describe('a worker whose registration the database has forgotten', { timeout: MINUTES }, () => {
  it('finding F13: the row names an earlier instance: it registers again and its tasks go on', async (test) => {
    const { expect } = test;
    const { s, task, worker } = await atWork(test, 'forgot');
    await s.session.write(
      `UPDATE ${s.db.names.device} SET instance_token = REPEAT('o', 16), recent_claims = 7 WHERE device_id = 'w'`,
    );
    await worker.event('warning', (line) => line.message.includes('so w registers again'));
    await s.open('go');
    const more = await s.add();
    await s.ended([task, more]);
    expect(await s.wrongs([task, more])).toEqual([]);
    expect(worker.lines.filter((line) => line.message.includes('registers again'))).toHaveLength(1);
  });

  it('finding F13: the row is gone after a reconnect, as after a failover: it registers again', async (test) => {
    const { expect } = test;
    const { s, task, worker } = await atWork(test, 'failover');
    const old = await connectionOf(s);
    const locker = await s.db.session();
    await locker.write('START TRANSACTION');
    await locker.write(`DELETE FROM ${s.db.names.device} WHERE device_id = 'w'`);
    await s.session.write(`KILL CONNECTION ${old}`);
    // The row is not seen to be gone by the connection that has seen it.
    await worker.event('database:lost');
    await locker.write('COMMIT');
    await worker.event('warning', (line) => line.message.includes('lost the row of'));
    await s.open('go');
    await s.ended([task]);
    expect(await s.wrongs([task])).toEqual([]);
    expect(await readDevice(s.session, s.db.names, 'w')).toMatchObject({ device_id: 'w' });
  });

  it('finding F13: the row is removed by an operator: it ends with exit 5', async (test) => {
    const { expect } = test;
    const { s, worker } = await atWork(test, 'removed');
    expect((await s.run('devices', 'rm', 'w', '--force')).code).toBe(0);
    expect(await worker.exit).toEqual({ code: 5, signal: null });
    expect(worker.output).toContain('w was removed');
  });

  it('finding F13: somebody else writes his name again and again: it ends with exit 5', async (test) => {
    const { expect } = test;
    const { s, worker } = await atWork(test, 'rival');
    const rival = () =>
      s.session.write(`UPDATE ${s.db.names.device} SET instance_token = REPEAT('o', 16) WHERE device_id = 'w'`);
    await rival();
    await worker.event('warning', (line) => line.message.includes('registers again'));
    await rival();
    expect(await worker.exit).toEqual({ code: 5, signal: null });
    expect(worker.output).toContain('is also used by another process');
  });
});
