// The database itself is killed, restarted, stopped, or away for a while, in the middle of the work. One private durable
// server; each test has a schema of its own on it.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enqueueTasks } from '../../../src/core/tasks/tasks.ts';
import { addressOf } from '../../helpers/database.ts';
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

describe('a database that', { timeout: MINUTES, ...skipBecause(NO_PRIVATE_SERVER, 'mysqld') }, () => {
  it.for([
    ['is killed', () => server.kill()],
    ['is restarted cleanly', () => server.shutdown()],
  ] as const)(
    '%s in the middle of the work: nobody dies, nothing that was acknowledged is lost, nothing runs twice',
    async ([name, fault], test) => {
      const s = await scene(test, await schemaOf(server, name === 'is killed' ? 'killed' : 'restarted'), {
        master: PATIENT,
      });
      const nodes = [
        s.start('leader', { deviceId: 'leader' }),
        s.start('worker', { deviceId: 'w1', args: ['--slots', '5'] }),
        s.start('worker', { deviceId: 'w2', args: ['--slots', '5'] }),
      ];
      await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
      const producer = produce(s);
      await until(async () => (await s.ledger()).length > 200, PATIENCE_MS, 'a hundred executions');

      await fault();
      const acknowledged = await producer.broken;
      await Promise.all(nodes.map((one) => one.event('database:lost')));
      await server.start();
      const up = performance.now();
      const seen = nodes.map((one) => one.lines.length);
      // The workers may have kept up with the producer, so that nothing waited when the database went.
      await s.session.ready();
      const fresh = await s.add();
      await Promise.any(nodes.map((one, n) => one.event('task:claimed', () => true, PATIENCE_MS, seen[n])));
      report(`${name}: the first claim ${Math.round(performance.now() - up)} ms after the database is up`);
      await s.ended([fresh]);
      await s.ended(acknowledged);
      await everythingEnded(s);
      // What was sent without an answer may be there too.
      expect(await s.wrongs([...acknowledged, fresh])).toEqual([]);
      expect([...executions(await s.ledger())].filter(([, times]) => times !== 1)).toEqual([]);
      await undisturbed(s, nodes);
    },
  );

  it.for([
    ['is killed', () => server.kill()],
    ['is shut down', () => server.shutdown()],
  ] as const)('%s fails the call that is under way at once, long before its deadline', async ([, fault], test) => {
    const session = sessionOf(addressOf(server.url), { deadlineMs: 25_000 });
    const killer = sessionOf(addressOf(server.url), {});
    test.onTestFinished(async () => {
      await Promise.all([session.close(), killer.close()]);
    });
    const { connectionId } = await session.ready();
    await killer.ready();
    // No SLEEP: MySQL answers one that is broken off as if it had been slept.
    const endless = ['a', 'b', 'c', 'd'].map((name) => `information_schema.COLUMNS ${name}`).join(', ');
    const call = expect(session.rows(`SELECT COUNT(*) FROM ${endless}`)).rejects.toMatchObject({
      retry: 'connection',
      driverCode: expect.not.stringContaining('AFD_DEADLINE'),
    });
    await until(async () => {
      const [row] = await killer.rows('SELECT INFO AS doing FROM information_schema.PROCESSLIST WHERE ID = ?', [
        connectionId,
      ]);
      return row?.doing !== null;
    });
    await fault();
    await call;
    await server.start();
  });

  it('stands still for several call deadlines: every node waits for it and goes on', async (test) => {
    const s = await scene(test, await schemaOf(server, 'still'), { master: PATIENT, database: { call_timeout: 0.5 } });
    const nodes = [s.start('worker', { deviceId: 'w1' }), s.start('worker', { deviceId: 'w2' })];
    await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
    const producer = produce(s);
    await until(async () => (await s.ledger()).length > 50, PATIENCE_MS, 'some executions');
    const probe = sessionOf(s.db.address, { deadlineMs: 500, connectTimeoutMs: 500 });
    test.onTestFinished(() => probe.close());
    await probe.ready();

    await server.pause();
    // A failure here must not stop the tests that follow.
    test.onTestFinished(() => server.resume());
    for (let n = 0; n < 4; n += 1)
      await expect(probe.ready().then(() => probe.ping())).rejects.toMatchObject({ retry: 'connection' });
    await Promise.all(nodes.map((one) => one.event('database:lost')));
    await server.resume();
    await Promise.all(nodes.map((one) => one.event('database:back')));
    const acknowledged = await producer.stop();
    await s.ended(acknowledged);
    await everythingEnded(s);
    expect(await s.wrongs(acknowledged)).toEqual([]);
    await undisturbed(s, nodes);
  });

  it.for([
    ['stands still', () => server.pause(), () => server.resume()],
    ['is gone', () => server.kill(), () => server.start()],
  ] as const)('A4 %s keeps no worker or leader from stopping', async ([name, away, back], test) => {
    const purpose = name === 'is gone' ? 'stop_gone' : 'stop_still';
    const s = await scene(test, await schemaOf(server, purpose), {
      worker: { shutdown_timeout: 1, kill_grace: 0.5 },
      database: { call_timeout: 0.5 },
    });
    const busy = s.start('worker', { deviceId: 'busy', args: ['--slots', '1'] });
    const id = await s.add({ gate: 'never' });
    await s.noted({ what: 'start', task_id: id });
    const nodes = [busy, s.start('worker', { deviceId: 'idle' }), s.start('leader', { deviceId: 'leader' })];
    await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
    await away();
    test.onTestFinished(() => back());
    await Promise.all(nodes.map((one) => one.event('database:lost')));
    const asked = performance.now();
    for (const one of nodes) one.kill('SIGTERM');
    const exits = await Promise.all(nodes.map((one) => one.exit));
    report(`${name}: all have stopped ${Math.round(performance.now() - asked)} ms after SIGTERM`);
    await s.noted({ what: 'abort', task_id: id });
    expect(exits[0]).toEqual({ code: 143, signal: null });
    expect(exits.map((one) => one.signal)).toEqual([null, null, null]);
  });

  it('is away for longer than the trust window of its workers: "stop" releases the task, "finish" delivers it', async (test) => {
    const stop = await scene(test, await schemaOf(server, 'stop'), {
      master: { heartbeat_timeout: 4 },
      worker: { on_lost_database: 'stop' },
    });
    const finish = await scene(test, await schemaOf(server, 'finish'), {
      master: { heartbeat_timeout: 4 },
      worker: { on_lost_database: 'finish' },
    });
    const [stopping, finishing] = [stop, finish].map((one) => one.start('worker', { deviceId: 'w' })) as [
      FleetProcess,
      FleetProcess,
    ];
    const other = stop.start('worker', { deviceId: 'other' });
    const [released, delivered] = [await stop.add({ gate: 'go' }), await finish.add({ gate: 'go' })];
    const { device_id } = await stop.noted({ what: 'start', task_id: released });
    await finish.noted({ what: 'start', task_id: delivered });
    await Promise.all([stopping, finishing, other].map((one) => one.event('device:heartbeat')));

    await server.kill();
    await Promise.all([stopping, finishing, other].map((one) => one.event('database:trust-over')));
    await stop.noted({ what: 'abort', task_id: released });
    await finish.open('go');
    await finish.noted({ what: 'end', task_id: delivered });
    await server.start();
    await Promise.all([stop.session.ready(), finish.session.ready()]);
    await finish.ended([delivered]);
    await stop.noted({ what: 'start', task_id: released, attempt: 2 });
    await stop.open('go');
    await stop.ended([released]);
    expect(await stop.attempts(released)).toMatchObject([
      { device_id, status: 'released', cause: 'database' },
      { status: 'completed' },
    ]);
    expect(await finish.attempts(delivered)).toMatchObject([{ device_id: 'w', status: 'completed' }]);
    for (const [one, id] of [
      [stop, released],
      [finish, delivered],
    ] as const)
      expect(await one.wrongs([id])).toEqual([]);
    expect(executions(await finish.ledger()).get(delivered)).toBe(1);
    await undisturbed(stop, [stopping, other]);
    await undisturbed(finish, [finishing]);
  });

  it('kills the connections of a worker: they are opened again, its task goes on, nothing is taken', async (test) => {
    // Between two ticks is three times the grace: the loss itself must wake the worker.
    const s = await scene(test, await schemaOf(server, 'connections'), {
      master: { ...PATIENT, lock_trust_after_start: 0 },
      worker: { heartbeat_interval: 20, tick_interval: 3 },
    });
    const id = await s.add({ gate: 'go' });
    const leader = s.start('leader', { deviceId: 'leader' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--no-leader'] });
    await Promise.all([leader.event('leader:gained'), s.noted({ what: 'start', task_id: id })]);

    const holder = async () => {
      const [row] = await s.session.rows(
        `SELECT IS_USED_LOCK(lock_name) AS id, lock_taken_at FROM ${s.db.names.device} WHERE device_id = 'w'`,
      );
      return row as { id: number | null; lock_taken_at: string };
    };
    const before = await holder();
    const killed = performance.now();
    await s.session.write(`KILL ${before.id}`);
    const after = await until(
      async () => {
        const now = await holder();
        return now.lock_taken_at > before.lock_taken_at && now;
      },
      PATIENCE_MS,
      'the new lock',
    );
    report(`KILL of the liveness connection: locked again after ${Math.round(performance.now() - killed)} ms`);
    expect(after.id).not.toBe(before.id);

    // Every other connection of the schema, the leader's among them; not the test's own.
    const others = await s.session.rows(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND ID NOT IN (CONNECTION_ID(), ?)`,
      [s.db.address.database, after.id],
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
  const gone = new Promise((resolve) => setImmediate(resolve, 'running'));
  for (const one of nodes) expect(await Promise.race([one.exit, gone])).toBe('running');
  expect(nodes.flatMap((one) => one.lines).filter((line) => line.event === 'device:dead')).toEqual([]);
  const lost = await s.session.rows(`SELECT task_id, cause FROM ${s.db.names.assignment} WHERE status = 'lost'`);
  expect(lost).toEqual([]);
}

/** Also what was inserted without an answer. */
async function everythingEnded(s: Scene): Promise<void> {
  await until(
    async () => (await s.session.rows(`SELECT id FROM ${s.db.names.task} WHERE status <> 'done' LIMIT 1`)).length === 0,
    PATIENCE_MS,
    'the end of every task',
  );
}

/**
 * Enqueues at most 250 tasks a second, fewer than the workers of a busy machine run, and remembers what was acknowledged,
 * until the test stops it or it loses the database.
 */
function produce(s: Scene): { broken: Promise<number[]>; stop(): Promise<number[]> } {
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
  const broken = run()
    .then(
      () => acknowledged,
      () => acknowledged,
    )
    .finally(() => session.close());
  return {
    broken,
    stop() {
      going = false;
      return broken;
    },
  };
}

function report(text: string): void {
  process.stderr.write(`database ${text}\n`);
}
