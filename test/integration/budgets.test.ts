// What one worker sends in every situation, counted in front of its server: the table of docs/explain/budgets.md, a case per
// line. A bound is a number per tick, heartbeat or end that was counted, and per second only where a pause of fixed length is
// what keeps it: a machine that is busy makes all of them fewer.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { laneKey } from '../../src/core/domain/lane.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertLeader } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { type Metered, type MeteredProxy, meteredProxy } from '../helpers/metered-proxy.ts';
import { startWorker, stopWorkers, type TestWorker, type TestWorkerOptions } from '../helpers/node.ts';
import { ear } from '../helpers/ring.ts';
import { once, until } from '../helpers/wait.ts';
import { hang } from '../helpers/worked-tasks.ts';

/** Short ones: what is said of a tick holds for any length of it. */
const SHORT = { heartbeat_interval: 1, tick_interval: 0.05, task_poll_interval: 0.05 };
const TICKS = 20;
const PATIENCE_MS = 60_000;
/** Statements of a transaction that claims and brings nothing: START, device, candidates with two bounds, a cursor check, COMMIT. */
const EMPTY_CLAIM = 6;

let db: TestDatabase;
let session: Session;
let proxy: MeteredProxy;
const closing: Array<() => unknown> = [];
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  proxy = await meteredProxy(db);
});
afterEach(async () => {
  await stopWorkers();
  proxy.close();
  for (const close of closing.splice(0)) await close();
});

type Spent = Metered & { seconds: number; message: string };

/** What is sent until `ticks` more ticks have passed, or until the condition holds. */
async function spent(enough: number | ((so: Metered) => boolean)): Promise<Spent> {
  const [before, began] = [proxy.now(), performance.now()];
  const since = () => {
    const pairs = Object.entries(proxy.now()).map(([name, n]) => [name, n - before[name as keyof Metered]]);
    return Object.fromEntries(pairs) as Metered;
  };
  const done = typeof enough === 'number' ? (so: Metered) => so.ticks >= enough : enough;
  const all = await until(() => (done(since()) ? since() : false), PATIENCE_MS, 'what is counted');
  const seconds = (performance.now() - began) / 1000;
  return { ...all, seconds, message: `${JSON.stringify(all)} in ${seconds.toFixed(1)} s\n${proxy.kinds()}` };
}

/** A worker that has looked around: what it does only once is behind it. */
async function settled(options: TestWorkerOptions = {}): Promise<TestWorker> {
  const handlers = { t: () => {} };
  const worker = startWorker(proxy.db, { handlers, ...options, worker: { ...SHORT, ...options.worker } });
  await once(worker.events, 'worker:started', () => true, PATIENCE_MS);
  await spent(5);
  return worker;
}

async function backlog(count: number, attempt = 0): Promise<void> {
  const rows = Array.from({ length: count }, () => ['t', attempt]);
  await session.write(`INSERT INTO ${db.names.task} (task_type, attempt) VALUES ?`, [rows]);
}

/** Tasks in 3,000 lanes of the type that is run here, none of which this device can run. */
async function others(): Promise<void> {
  const rows = Array.from({ length: 3000 }, (_, k) => ['t', JSON.stringify({ k })]);
  await session.write(`INSERT INTO ${db.names.task} (task_type, required_capabilities) VALUES ?`, [rows]);
}

/** Ticks and heartbeats, and one poll of the work session where a tick is its turn. */
const clockwork = ({ ticks, heartbeats }: Spent) => 1.1 * (ticks + 1) + 3 * (heartbeats + 1);

interface Situation {
  what: string;
  claims: 'none' | 'one a tick';
  /** Before the worker starts. */
  before?: () => Promise<unknown>;
  /** While it runs. */
  after?: () => Promise<unknown>;
  options?: TestWorkerOptions;
}

const SITUATIONS: Situation[] = [
  { what: 'that is idle', claims: 'none' },
  {
    what: 'whose tasks are locked by somebody else',
    claims: 'one a tick',
    async before() {
      await backlog(50);
      const other = await db.session();
      await other.write('START TRANSACTION');
      await other.rows(`SELECT id FROM ${db.names.task} FOR UPDATE`);
      closing.push(() => other.destroy());
    },
  },
  {
    what: 'whose slots are all taken by long tasks',
    claims: 'none',
    before: () => backlog(200),
    options: { handlers: { t: hang } },
    async after() {
      const started = `SELECT 1 FROM ${db.names.assignment} WHERE status = 'running'`;
      await until(async () => (await session.rows(started)).length === 5);
    },
  },
  {
    what: 'that is paused, with a backlog',
    claims: 'one a tick',
    async after() {
      await session.write(`UPDATE ${db.names.device} SET operator_state = 'paused'`);
      await backlog(200);
    },
  },
  {
    what: 'that is over a resource limit, with a backlog',
    claims: 'none',
    before: () => backlog(200),
    options: { worker: { resource_limits: { memory_usage: 0.001 } } },
  },
];

describe('the budget of a worker', { timeout: 2 * PATIENCE_MS }, () => {
  it.beforeEach(() => insertLeader(session, db.names, 'another', 7));

  const named = SITUATIONS.map((row) => [row.what, row.claims, row] as const);
  it.for(named)('%s: one statement a tick, three a heartbeat, claims: %s', async ([, , row]) => {
    await row.before?.();
    await settled(row.options);
    await row.after?.();
    if (row.after !== undefined) await spent(5);
    const all = await spent(TICKS);
    expect(all.statements, all.message).toBeLessThanOrEqual(clockwork(all) + EMPTY_CLAIM * all.claims);
    expect(all.heartbeats, all.message).toBeLessThanOrEqual(TICKS / 10 + 2);
    expect(all.claims, all.message).toBeLessThanOrEqual(row.claims === 'none' ? 0 : 1.1 * (all.ticks + 1));
    expect(all.claims > 0, all.message).toBe(row.claims !== 'none');
    const idle = row.before === undefined && row.after === undefined;
    if (idle) expect(all.bytes, all.message).toBeLessThan(1000 * (all.ticks + all.heartbeats));
  });

  it('with a backlog of tasks that were tried before, which are not prefetched: one claim an end', async () => {
    let ends = 0;
    const end = (done: () => void) => () => {
      ends += 1;
      done();
    };
    await settled({ handlers: { t: () => new Promise<void>((resolve) => setTimeout(end(resolve), 20)) } });
    await backlog(30);
    await until(() => ends === 30);
    await backlog(500, 1);
    const all = await spent(() => ends >= 180);
    // An end that frees a slot wakes the claimer; nothing is prefetched here, so nothing more is asked for.
    expect(all.claims, all.message).toBeLessThanOrEqual(ends - 30 + all.ticks + 10);
  });

  it('that can run none of many thousand tasks: as idle, and a thousand published lanes a tick at most', async () => {
    await others();
    const text = `CONCAT('{"k": "', REPEAT('x', 100), '", "n": ', n, '}')`;
    await session.write(
      `INSERT INTO ${db.names.lane} (lane, claim_rank, task_type, required_capabilities, head_due_at, head_id, published_at)
       WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < 900)
       SELECT UNHEX(LEFT(SHA2(n + 900 * r.claim_rank, 256), 32)), r.claim_rank, 't', ${text}, NOW(3), n, UTC_TIMESTAMP(3)
       FROM some JOIN (SELECT 1 AS claim_rank UNION ALL SELECT 2 UNION ALL SELECT 3) r`,
    );
    await settled();
    const all = await spent(TICKS);
    expect(all.claims, all.message).toBe(0);
    expect(all.statements, all.message).toBeLessThanOrEqual(clockwork(all) + all.seeks);
    expect(all.seeks, all.message).toBeLessThanOrEqual(1000);
    const lane = 200 + 120;
    const most = 1000 * lane * (all.ticks + 1) + 1000 * all.heartbeats + 300 * all.seeks;
    expect(all.bytes, all.message).toBeGreaterThan(100 * lane);
    expect(all.bytes, all.message).toBeLessThan(most);
  });

  it('on a database that answers late: one statement at a time on each of two connections', async () => {
    await settled();
    await backlog(2000);
    const late = 0.1;
    proxy.delay(1000 * late);
    // Polls pause while they take long, as they may while the backlog is inserted.
    const all = await spent(({ ticks, claims }) => ticks >= 15 && claims > 0);
    proxy.delay(0);
    expect(all.roundTrips, all.message).toBeLessThanOrEqual((2 * all.seconds) / late + 4);
  });

  it('on a slow link: as much as it carries, and no connection is given up', async () => {
    await settled();
    await backlog(2000);
    const perSecond = 20_000;
    proxy.limit(perSecond);
    const all = await spent(15);
    proxy.limit(0);
    expect(all.bytes, all.message).toBeLessThanOrEqual(2 * perSecond * (all.seconds + 1) + 2 * 65_536);
    expect(all.connections, all.message).toBe(0);
  });

  it('whose database is away: each connection is tried again after a pause that grows', async () => {
    const worker = await settled();
    const lost = once(worker.events, 'database:lost', () => true, PATIENCE_MS);
    proxy.cut();
    await lost;
    const all = await spent((so) => so.connections >= 10);
    proxy.restore();
    expect(all.roundTrips, all.message).toBe(0);
    // At least half of 20, 40, 80 and 160 ms, of both at once; all the same pauses would be 0.1 s at most.
    expect(all.seconds, all.message).toBeGreaterThan(0.14);
  });

  it('finding S6: that is rung by a stranger with its token: 50 claims and 10 reads a second', async () => {
    await settled();
    const [row] = await session.rows(`SELECT port, ring_token AS token FROM ${db.names.device}`);
    const { port, token } = row as { port: number; token: Buffer };
    const stranger = await ear();
    let rung = 0;
    const ringing = setInterval(() => {
      for (let n = 0; n < 20; n += 1) {
        rung += 1;
        const lane = rung % 2 === 0 ? laneKey('t', null) : randomBytes(16);
        void stranger.ring({ directed: rung % 3 === 0, lane, claim_rank: rung % 128 }, token, port);
      }
    }, 10);
    closing.push(
      () => clearInterval(ringing),
      () => stranger.close(),
    );
    const all = await spent(TICKS);
    expect(rung, 'rings').toBeGreaterThan(400);
    expect(all.claims, all.message).toBeGreaterThan(0);
    expect(all.claims, all.message).toBeLessThanOrEqual(50 * (all.seconds + 1) + all.ticks);
    expect(all.laneReads, all.message).toBeLessThanOrEqual(10 * (all.seconds + 1));
    // Up to 22 lanes and ranks are named that are this device's own: each claim asks four of them.
    expect(all.statements, all.message).toBeLessThanOrEqual(clockwork(all) + 12 * all.claims + all.laneReads);
  });
});

it('without a leader, a worker that can run none of many thousand tasks: a thousand seeks of the skip scan in eight seconds or more', async () => {
  await others();
  const began = performance.now();
  await settled();
  await spent(TICKS);
  const seconds = (performance.now() - began) / 1000;
  const { seeks, claims } = proxy.now();
  expect(seeks, proxy.kinds()).toBeGreaterThan(0);
  expect(seeks, proxy.kinds()).toBeLessThanOrEqual(1000 * (1 + Math.floor(seconds / 8)));
  expect(claims, proxy.kinds()).toBe(0);
});

it('a leader at the default settings, in addition to its work: 35 statements a second', async () => {
  const rounds = { lock_check_interval: 0.25, health_check_interval: 1, scheduler_interval: 5, watch_interval: 0.1 };
  const worker = startWorker(proxy.db, {
    handlers: { t: () => {} },
    master: { ...rounds, lease_renew_interval: 2.5, lease_duration: 10, lease_trust: 7 },
    worker: { leader: true, heartbeat_interval: 10, tick_interval: 1, task_poll_interval: 1 },
  });
  await once(worker.events, 'leader:gained', () => true, PATIENCE_MS);
  await spent(1);
  const all = await spent(3);
  expect(all.statements, all.message).toBeLessThanOrEqual(35 * (all.seconds + 1));
  expect(all.claims, all.message).toBe(0);
});
