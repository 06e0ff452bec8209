// The database itself is killed, restarted, stopped, or away for a while, in the middle of the work. One private durable
// server; each test has a schema of its own on it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { undisturbed, unharmed, working } from '../../helpers/failover.ts';
import type { FleetOptions } from '../../helpers/fleet.ts';
import { type FleetProcess, MINUTES } from '../../helpers/fleet-process.ts';
import { executions } from '../../helpers/ledger.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { schemaOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

let server: PrivateServer;
beforeAll(async () => {
  server = await privateServer();
});
afterAll(() => server.stop());

const onServer = async (test: Parameters<typeof scene>[0], name: string, options: FleetOptions) =>
  scene(test, await schemaOf(server, name), options);
const lost = (nodes: FleetProcess[]) => Promise.all(nodes.map((one) => one.event('database:lost')));

describe('a database that', { timeout: MINUTES, ...skipBecause(NO_PRIVATE_SERVER, 'mysqld') }, () => {
  it.for([
    ['is killed', 'killed', () => server.kill(), () => server.start()],
    ['is restarted cleanly', 'restarted', () => server.shutdown(), () => server.start()],
    ['stands still for several call deadlines', 'still', () => server.pause(), () => server.resume()],
  ] as const)(
    '%s in the middle of the work: nobody dies, nothing that was acknowledged is lost, nothing runs twice',
    async ([, schema, fault, cure], test) => {
      const database = schema === 'still' ? { call_timeout: 0.5 } : {};
      const { s, nodes, producer } = await working(test, await schemaOf(server, schema), { database });
      await fault();
      // A failure here must not stop the tests that follow.
      if (schema === 'still') test.onTestFinished(() => server.resume());
      await lost(nodes);
      await cure();
      const acknowledged = await producer.stop();
      // The workers may have kept up with the producer, so that nothing waited when the database went.
      await s.session.ready();
      await unharmed(s, nodes, [...acknowledged, await s.add()]);
    },
  );

  it.for([
    ['stands still', 'stop_still', () => server.pause(), () => server.resume()],
    ['is gone', 'stop_gone', () => server.kill(), () => server.start()],
  ] as const)('A4 %s keeps no worker or leader from stopping', async ([, schema, away, back], test) => {
    const worker = { shutdown_timeout: 1, kill_grace: 0.5 };
    const s = await onServer(test, schema, { worker, database: { call_timeout: 0.5 } });
    const busy = s.start('worker', { deviceId: 'busy', args: ['--slots', '1'] });
    const id = await s.add({ gate: 'never' });
    await s.noted({ what: 'start', task_id: id });
    const nodes = [busy, s.start('worker', { deviceId: 'idle' }), s.start('leader', { deviceId: 'leader' })];
    await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
    await away();
    test.onTestFinished(() => back());
    await lost(nodes);
    for (const one of nodes) one.kill('SIGTERM');
    const exits = await Promise.all(nodes.map((one) => one.exit));
    await s.noted({ what: 'abort', task_id: id });
    expect(exits[0]).toEqual({ code: 143, signal: null });
    expect(exits.map((one) => one.signal)).toEqual([null, null, null]);
  });

  it('is away for longer than the trust window of its workers: "stop" releases the task, "finish" delivers it', async (test) => {
    const [stop, finish] = (await Promise.all(
      ['stop', 'finish'].map((on_lost_database) =>
        onServer(test, on_lost_database, { master: { heartbeat_timeout: 4 }, worker: { on_lost_database } }),
      ),
    )) as [Scene, Scene];
    const [stopping, finishing] = [stop, finish].map((one) => one.start('worker', { deviceId: 'w' }));
    const nodes = [stopping!, finishing!, stop.start('worker', { deviceId: 'other' })];
    const [released, delivered] = [await stop.add({ gate: 'go' }), await finish.add({ gate: 'go' })];
    const { device_id } = await stop.noted({ what: 'start', task_id: released });
    await finish.noted({ what: 'start', task_id: delivered });
    await Promise.all(nodes.map((one) => one.event('device:heartbeat')));

    await server.kill();
    await Promise.all(nodes.map((one) => one.event('database:trust-over')));
    await stop.noted({ what: 'abort', task_id: released });
    await finish.open('go');
    await finish.noted({ what: 'end', task_id: delivered });
    await server.start();
    await Promise.all([stop.session.ready(), finish.session.ready()]);
    await finish.ended([delivered]);
    await stop.noted({ what: 'start', task_id: released, attempt: 2 });
    await stop.open('go');
    await stop.ended([released]);
    const first = { device_id, status: 'released', cause: 'database' };
    expect(await stop.attempts(released)).toMatchObject([first, { status: 'completed' }]);
    expect(await finish.attempts(delivered)).toMatchObject([{ device_id: 'w', status: 'completed' }]);
    expect(executions(await finish.ledger()).get(delivered)).toBe(1);
    await undisturbed(stop, nodes);
  });
});
