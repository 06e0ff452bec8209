// A worker whose database is late, or has forgotten it.
import { connect, createServer } from 'node:net';
import { describe, expect, it, type TestContext } from 'vitest';
import { freePort } from '../../../src/core/server/launch-server.ts';
import { serverAddress } from '../../helpers/database.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';

/** Opens a door to the test server. */
async function door(test: TestContext, port: number): Promise<void> {
  const at = serverAddress();
  const target = at.socketPath === undefined ? { host: at.host!, port: at.port! } : { path: at.socketPath };
  const server = createServer((inner) => {
    const outer = connect(target);
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const)
      one.pipe(other).on('error', () => one.destroy());
  });
  test.onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

describe('a node that starts before its database', { timeout: MINUTES }, () => {
  it.for(['worker', 'leader'] as const)(
    'finding F18: a %s waits for it, says so once and once when it is there, and goes on',
    async (role, test) => {
      const s = await scene(test, `late_${role}`);
      const port = await freePort(undefined);
      const url = new URL(s.db.url);
      Object.assign(url, { search: '', hostname: '127.0.0.1', port: String(port) });
      const node = (await fleet(test, { url: url.href })).start(role, { args: ['--wait-database', '90'] });
      expect((await node.event('database:awaited')).message).toContain(`127.0.0.1:${port}`);
      await door(test, port);
      await node.event('database:back');
      await node.event('device:registered');
      expect(node.lines.filter((line) => line.event === 'database:awaited')).toHaveLength(1);
    },
  );

  it('finding F18: gives up with exit 69 when the time is up, and ends at once when it is asked to stop', async (test) => {
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

describe('a worker whose registration the database has forgotten', { timeout: MINUTES }, () => {
  /** A worker with a running task that a test can end. */
  async function atWork(test: TestContext, purpose: string) {
    const s = await scene(test, purpose);
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
    const task = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: task });
    return { s, task, worker, table: s.db.names.device };
  }

  it('finding F13: registers again once and goes on when its row names another instance; one that insists ends it', async (test) => {
    const { s, task, worker, table } = await atWork(test, 'forgot');
    const rival = () => s.session.write(`UPDATE ${table} SET instance_token = REPEAT('o', 16) WHERE device_id = 'w'`);
    await rival();
    await worker.event('warning', (line) => line.message.includes('so w registers again'));
    await s.open('go');
    const more = await s.add();
    await s.ended([task, more]);
    expect(await s.wrongs([task, more])).toEqual([]);
    expect(worker.lines.filter((line) => line.message.includes('registers again'))).toHaveLength(1);
    await rival();
    expect(await worker.exit).toEqual({ code: 5, signal: null });
    expect(worker.output).toContain('is also used by another process');
  });

  it('finding F13: registers again when the row is gone after a reconnect, as after a failover', async (test) => {
    const { s, task, worker, table } = await atWork(test, 'failover');
    const [old] = await s.session.rows(`SELECT IS_USED_LOCK(lock_name) AS id FROM ${table} WHERE device_id = 'w'`);
    const locker = await s.db.session();
    await locker.write('START TRANSACTION');
    await locker.write(`DELETE FROM ${table} WHERE device_id = 'w'`);
    await s.session.write(`KILL CONNECTION ${old!.id}`);
    // The row is not seen to be gone by the connection that has seen it.
    await worker.event('database:lost');
    await locker.write('COMMIT');
    await worker.event('warning', (line) => line.message.includes('lost the row of'));
    await s.open('go');
    await s.ended([task]);
    expect(await s.wrongs([task])).toEqual([]);
  });

  it('finding F13: ends with exit 5 when an operator has removed the row', async (test) => {
    const { s, worker } = await atWork(test, 'removed');
    expect((await s.run('devices', 'rm', 'w', '--force')).code).toBe(0);
    expect(await worker.exit).toEqual({ code: 5, signal: null });
    expect(worker.output).toContain('w was removed');
  });
});
