// The database itself is killed, restarted, stopped, or away for a while, in the middle of the work. One private durable
// server; each test has a schema of its own on it.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enqueueTasks } from '../../../src/core/tasks/tasks.ts';
import type { FleetOptions } from '../../helpers/fleet.ts';
import { type FleetProcess, MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { executions } from '../../helpers/ledger.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { schemaOf, sessionOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

let server: PrivateServer;
beforeAll(async () => {
  server = await privateServer();
});
afterAll(() => server.stop());

/** Nobody's silence counts: the test is that a fault of the database makes nobody dead. */
const PATIENT = { heartbeat_timeout: 60, lock_grace: 1, lock_trust_after_start: 15 };

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
    async ([name, schema, fault, cure], test) => {
      const database = schema === 'still' ? { call_timeout: 0.5 } : {};
      const s = await onServer(test, schema, { master: PATIENT, database });
      const nodes = [
        s.start('leader', { deviceId: 'leader' }),
        s.start('worker', { deviceId: 'w1', args: ['--slots', '5'] }),
        s.start('worker', { deviceId: 'w2', args: ['--slots', '5'] }),
      ];
      await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
      const producer = produce(s);
      await until(async () => (await s.ledger()).length > 200, PATIENCE_MS, 'a hundred executions');

      await fault();
      // A failure here must not stop the tests that follow.
      if (schema === 'still') test.onTestFinished(() => server.resume());
      await lost(nodes);
      await cure();
      const acknowledged = await producer.stop();
      const up = performance.now();
      const seen = nodes.map((one) => one.lines.length);
      // The workers may have kept up with the producer, so that nothing waited when the database went.
      await s.session.ready();
      const fresh = await s.add();
      await Promise.any(nodes.map((one, n) => one.event('task:claimed', () => true, PATIENCE_MS, seen[n])));
      report(`${name}: the first claim ${Math.round(performance.now() - up)} ms after the database is up`);
      await s.ended([...acknowledged, fresh]);
      // What was sent without an answer may be there too.
      const open = `SELECT id FROM ${s.db.names.task} WHERE status <> 'done' LIMIT 1`;
      await until(async () => (await s.session.rows(open)).length === 0, PATIENCE_MS, 'the end of every task');
      expect(await s.wrongs([...acknowledged, fresh])).toEqual([]);
      expect([...executions(await s.ledger())].filter(([, times]) => times !== 1)).toEqual([]);
      await undisturbed(s, nodes);
    },
  );

  it.for([
    ['stands still', 'stop_still', () => server.pause(), () => server.resume()],
    ['is gone', 'stop_gone', () => server.kill(), () => server.start()],
  ] as const)('A4 %s keeps no worker or leader from stopping', async ([name, schema, away, back], test) => {
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
    const asked = performance.now();
    for (const one of nodes) one.kill('SIGTERM');
    const exits = await Promise.all(nodes.map((one) => one.exit));
    report(`${name}: all have stopped ${Math.round(performance.now() - asked)} ms after SIGTERM`);
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

  it('kills the connections of a worker: they are opened again, its task goes on, nothing is taken', async (test) => {
    // Between two ticks is three times the grace: the loss itself must wake the worker.
    const s = await onServer(test, 'connections', {
      master: { ...PATIENT, lock_trust_after_start: 0 },
      worker: { heartbeat_interval: 20, tick_interval: 3 },
    });
    const id = await s.add({ gate: 'go' });
    const leader = s.start('leader', { deviceId: 'leader' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--no-leader'] });
    await Promise.all([leader.event('leader:gained'), s.noted({ what: 'start', task_id: id })]);
    const lock = `SELECT IS_USED_LOCK(lock_name) AS id, lock_taken_at FROM ${s.db.names.device} WHERE device_id = 'w'`;
    const holder = async () =>
      (await s.session.rows<{ id: number | null; lock_taken_at: string }>(lock))[0] ?? expect.unreachable();
    const before = await holder();
    await s.session.write(`KILL ${before.id}`);
    const taken = async () => (await holder()).lock_taken_at > before.lock_taken_at;
    await until(taken, PATIENCE_MS, 'the new lock');

    // Every other connection of the schema, the leader's among them; not the test's own.
    const others = await s.session.rows(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND ID NOT IN (CONNECTION_ID(), ?)`,
      [s.db.address.database, (await holder()).id],
    );
    expect(others.length).toBeGreaterThanOrEqual(2);
    for (const one of others) await s.session.write(`KILL ${one.id}`).catch(() => {});
    await s.open('go');
    const fresh = await s.add();
    await s.ended([id, fresh]);
    expect(await s.wrongs([id, fresh])).toEqual([]);
    expect([...executions(await s.ledger()).values()]).toEqual([1, 1]);
    await undisturbed(s, [worker, leader]);
  });
});

/** No process ended, no device was declared dead, no attempt was lost. */
async function undisturbed(s: Scene, nodes: FleetProcess[]): Promise<void> {
  const going = new Promise((resolve) => setImmediate(resolve, 'running'));
  for (const one of nodes) expect(await Promise.race([one.exit, going])).toBe('running');
  expect(nodes.flatMap((one) => one.lines).filter((line) => line.event === 'device:dead')).toEqual([]);
  expect(await s.session.rows(`SELECT id FROM ${s.db.names.assignment} WHERE status = 'lost'`)).toEqual([]);
}

/**
 * Enqueues at most 250 tasks a second, fewer than the workers of a busy machine run, and remembers what was acknowledged,
 * until the test stops it or it loses the database.
 */
function produce(s: Scene): { stop(): Promise<number[]> } {
  const acknowledged: number[] = [];
  let going = true;
  const session = sessionOf(s.db.address, {});
  const run = async () => {
    while (going) {
      await session.ready();
      const tasks = Array.from({ length: 5 }, () => ({ task_type: 'work', task_data: { ms: 5 } }));
      const answers = await enqueueTasks(session, s.db.names, tasks, { maxRetryCount: 3 });
      acknowledged.push(...answers.map((one) => one.task_id));
      await pause(20);
    }
  };
  const ended = run()
    .catch(() => {})
    .finally(() => session.close());
  return {
    async stop() {
      going = false;
      await ended;
      return acknowledged;
    },
  };
}

function report(text: string): void {
  process.stderr.write(`database ${text}\n`);
}
