// A fleet that works while its database fails over, and what must be true of it afterwards.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import { enqueueTasks } from '../../src/core/tasks/tasks.ts';
import type { TestDatabase } from './database.ts';
import type { FleetOptions } from './fleet.ts';
import type { FleetProcess } from './fleet-process.ts';
import { executions } from './ledger.ts';
import { type Scene, scene } from './scene.ts';
import { sessionOf } from './schema-of.ts';
import { until } from './wait.ts';

/** Nobody may be dead after a silence of half a minute. */
export const MASTER = {
  ...{ heartbeat_timeout: 60, lock_grace: 1, lock_trust_after_start: 15 },
  ...{ lease_duration: 10, lease_trust: 7, lease_renew_interval: 2.5 },
};
export const OUTAGE_MS = 60_000;

export interface Working {
  s: Scene;
  nodes: FleetProcess[];
  /** How many lines each node had written then. */
  seen: number[];
  producer: Producer;
}

/** A leader and two workers in the middle of work that never ends. */
export async function working(test: TestContext, db: TestDatabase, more: FleetOptions = {}): Promise<Working> {
  const s = await scene(test, db, { master: MASTER, ...more });
  const nodes = [
    s.start('leader', { deviceId: 'leader' }),
    s.start('worker', { deviceId: 'w1', args: ['--slots', '5'] }),
    s.start('worker', { deviceId: 'w2', args: ['--slots', '5'] }),
  ];
  await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
  const producer = produce(s);
  await until(async () => (await s.ledger()).length > 100, OUTAGE_MS, 'fifty executions');
  return { s, nodes, producer, seen: nodes.map((one) => one.lines.length) };
}

/** From when another member is primary. */
export async function goesOn({ s, nodes, seen, producer }: Working, fault: string): Promise<void> {
  const up = performance.now();
  const add = async () => {
    await s.session.ready();
    return s.add();
  };
  const fresh = await until(() => add().catch(() => undefined), OUTAGE_MS, 'a new task');
  await s.ended([fresh]);
  process.stderr.write(`${fault}: a new task is done ${Math.round(performance.now() - up)} ms after the new primary\n`);
  await Promise.all(nodes.map((one, n) => one.event('database:back', () => true, OUTAGE_MS, seen[n])));
  const leads = `SELECT holder FROM ${s.db.names.leader} WHERE holder IS NOT NULL AND expires_at > UTC_TIMESTAMP(3)`;
  await until(async () => (await s.session.rows(leads)).length > 0, 10_000, 'a leader');
  // Longer than free locks prove nothing.
  await pause(1000 * (MASTER.lock_trust_after_start + 2));
  await unharmed(s, nodes, [fresh, ...(await producer.stop())]);
}

/** Each of these tasks, and whatever was inserted without an answer, ran to its end once; nobody ended or was taken for dead. */
export async function unharmed(s: Scene, nodes: FleetProcess[], tasks: number[]): Promise<void> {
  const open = `SELECT id FROM ${s.db.names.task} WHERE status <> 'done' LIMIT 1`;
  await until(async () => (await s.session.rows(open)).length === 0, OUTAGE_MS, 'the end of every task');
  expect(await s.wrongs(tasks)).toEqual([]);
  expect([...executions(await s.ledger())].filter(([, times]) => times !== 1)).toEqual([]);
  await undisturbed(s, nodes);
}

/** No process ended, no device was declared dead, no attempt was lost. */
export async function undisturbed(s: Scene, nodes: FleetProcess[]): Promise<void> {
  const going = new Promise((resolve) => setImmediate(resolve, 'running'));
  for (const one of nodes) expect(await Promise.race([one.exit, going])).toBe('running');
  expect(nodes.flatMap((one) => one.lines).filter((line) => line.event === 'device:dead')).toEqual([]);
  expect(await s.session.rows(`SELECT task_id, cause FROM ${s.db.names.assignment} WHERE status = 'lost'`)).toEqual([]);
}

type Producer = ReturnType<typeof produce>;

/** Enqueues until it is stopped, past every error, and remembers what was acknowledged. */
function produce(s: Scene) {
  const acknowledged: number[] = [];
  let going = true;
  const session = sessionOf(s.db.address, {});
  const run = async () => {
    while (going) {
      try {
        await session.ready();
        const tasks = Array.from({ length: 5 }, () => ({ task_type: 'work', task_data: { ms: 5 } }));
        const answers = await enqueueTasks(session, s.db.names, tasks, { maxRetryCount: 3 });
        acknowledged.push(...answers.map((one) => one.task_id));
      } catch {
        session.destroy();
      }
      await pause(50);
    }
    await session.close();
    return acknowledged;
  };
  const ended = run();
  const stop = () => {
    going = false;
    return ended;
  };
  return { stop };
}
