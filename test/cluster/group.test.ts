// A fleet on a MySQL group of three: its primary is killed, frozen and moved in the middle of the work. The members are real; so are
// the nodes. A group replaces a dead primary after about 21 s with its defaults, so each of these takes a minute.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { enqueueTasks } from '../../src/core/tasks/tasks.ts';
import { type FleetProcess, MINUTES } from '../helpers/fleet-process.ts';
import { executions } from '../helpers/ledger.ts';
import { type MysqlGroup, mysqlGroup, NO_GROUP } from '../helpers/mysql-group.ts';
import { type Scene, scene } from '../helpers/scene.ts';
import { sessionOf } from '../helpers/schema-of.ts';
import { skipBecause } from '../helpers/skip.ts';
import { until } from '../helpers/wait.ts';

/** The trust of a group's failover: nobody may be dead after a silence of half a minute. */
const MASTER = {
  ...{ heartbeat_timeout: 60, lock_grace: 1, lock_trust_after_start: 15 },
  ...{ lease_duration: 10, lease_trust: 7, lease_renew_interval: 2.5 },
};
const OUTAGE_MS = 60_000;

let group: MysqlGroup;

describe('a group whose primary', { timeout: MINUTES, ...skipBecause(NO_GROUP) }, () => {
  beforeAll(async () => {
    group = await mysqlGroup();
  }, MINUTES);
  afterEach(() => group.mend(), MINUTES);
  afterAll(() => group?.stop(), MINUTES);

  it('is killed: the fleet goes on with the new one; nobody dies, nothing that was acknowledged is lost', async (test) => {
    const s = await scene(test, await group.schema('afd_killed'), { master: MASTER });
    const { nodes, producer } = await working(s);
    const seen = nodes.map((one) => one.lines.length);
    const former = await group.signal('SIGKILL');
    await Promise.all(nodes.map((one, n) => one.event('database:lost', () => true, OUTAGE_MS, seen[n])));
    await group.replaced(former);
    await goesOn(s, nodes, seen, producer, 'kill');
  });

  it('is frozen, replaced and wakes up: nobody goes back to it, and nobody dies', async (test) => {
    const s = await scene(test, await group.schema('afd_frozen'), { master: MASTER });
    const { nodes, producer } = await working(s);
    const seen = nodes.map((one) => one.lines.length);
    const former = await group.signal('SIGSTOP');
    await group.replaced(former);
    const back = nodes.map((one, n) => one.event('database:back', () => true, OUTAGE_MS, seen[n]));
    await Promise.all(back);
    // Now it claims for 3 s that it is the primary, and accepts connections.
    const woken = nodes.map((one) => one.lines.length);
    await group.signalMember(former, 'SIGCONT');
    await goesOn(s, nodes, seen, producer, 'freeze');
    const late = nodes.flatMap((one, n) => one.lines.slice(woken[n]));
    expect(late.filter((line) => line.event === 'database:lost')).toEqual([]);
  });

  it('is moved to another member: the fleet follows within seconds', async (test) => {
    const s = await scene(test, await group.schema('afd_moved'), { master: MASTER });
    const { nodes, producer } = await working(s);
    const seen = nodes.map((one) => one.lines.length);
    const former = await until(() => group.primary());
    await group.switchover();
    await group.replaced(former);
    await goesOn(s, nodes, seen, producer, 'switchover');
  });
});

async function working(s: Scene): Promise<{ nodes: FleetProcess[]; producer: Producer }> {
  const nodes = [
    s.start('leader', { deviceId: 'leader' }),
    s.start('worker', { deviceId: 'w1', args: ['--slots', '5'] }),
    s.start('worker', { deviceId: 'w2', args: ['--slots', '5'] }),
  ];
  await Promise.all(nodes.map((one) => one.event('device:heartbeat')));
  const producer = produce(s);
  await until(async () => (await s.ledger()).length > 100, OUTAGE_MS, 'fifty executions');
  return { nodes, producer };
}

/** From when another member is primary. */
async function goesOn(
  s: Scene,
  nodes: FleetProcess[],
  seen: number[],
  producer: Producer,
  fault: string,
): Promise<void> {
  const up = performance.now();
  const fresh = await until(
    () =>
      s.session
        .ready()
        .then(() => s.add())
        .catch(() => undefined),
    OUTAGE_MS,
    'a new task',
  );
  await s.ended([fresh]);
  process.stderr.write(`${fault}: a new task is done ${Math.round(performance.now() - up)} ms after the new primary\n`);
  await Promise.all(nodes.map((one, n) => one.event('database:back', () => true, OUTAGE_MS, seen[n])));
  await until(
    async () => {
      const [row] = await s.session.rows(
        `SELECT holder FROM ${s.db.names.leader} WHERE holder IS NOT NULL AND expires_at > UTC_TIMESTAMP(3)`,
      );
      return row !== undefined;
    },
    10_000,
    'a leader',
  );
  // Longer than free locks prove nothing.
  await pause(1000 * (MASTER.lock_trust_after_start + 2));
  const acknowledged = await producer.stop();
  await s.ended(acknowledged);
  await until(
    async () => (await s.session.rows(`SELECT id FROM ${s.db.names.task} WHERE status <> 'done' LIMIT 1`)).length === 0,
    OUTAGE_MS,
    'the end of every task',
  );
  expect(await s.wrongs([...acknowledged, fresh])).toEqual([]);
  expect([...executions(await s.ledger())].filter(([, times]) => times !== 1)).toEqual([]);
  const exited = new Promise((resolve) => setImmediate(resolve, 'running'));
  for (const one of nodes) expect(await Promise.race([one.exit, exited])).toBe('running');
  expect(nodes.flatMap((one) => one.lines).filter((line) => line.event === 'device:dead')).toEqual([]);
  expect(await s.session.rows(`SELECT task_id, cause FROM ${s.db.names.assignment} WHERE status = 'lost'`)).toEqual([]);
}

interface Producer {
  stop(): Promise<number[]>;
}

/** Enqueues until it is stopped, past every error, and remembers what was acknowledged. */
function produce(s: Scene): Producer {
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
  return {
    stop() {
      going = false;
      return ended;
    },
  };
}
