// A worker whose sessions fail, wait or are cut. What the claimer makes of each error: unit/core/worker/claim/claimer.test.ts.
import { describe, expect } from 'vitest';
import { databaseError } from '../../../src/core/db/database-error.ts';
import { once } from '../../helpers/wait.ts';
import { batchesThrough, eventsOf, heartbeats, it } from '../../helpers/worked-tasks.ts';

const lost = () =>
  Object.assign(new Error('Connection lost: injected'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
const deadlock = () => Object.assign(new Error('Deadlock found: injected'), { errno: 1213, code: 'ER_LOCK_DEADLOCK' });

/** Makes every third transaction of a worker fail: before its COMMIT is sent, or after it was done. */
function breakCommits(when: 'before' | 'after', cause: () => Error) {
  let n = 0;
  return batchesThrough(async (statements, send, session) => {
    if (statements.at(-1)?.sql === 'COMMIT') n += 1;
    else return send(statements);
    if (n % 3 !== 0) return send(statements);
    if (when === 'after') await send(statements);
    const error = databaseError(cause(), 'test');
    if (when === 'after' || error.retry === 'connection') session.destroy();
    throw error;
  });
}

describe('a worker whose transactions fail', () => {
  it.for([
    ['the connection is lost after every third COMMIT, unanswered', 'after', lost],
    ['the connection is lost before every third COMMIT', 'before', lost],
    ['every third transaction is chosen as a deadlock victim', 'before', deadlock],
  ] as const)('runs and completes each task exactly once when %s', async ([, when, cause], { work }) => {
    const ids = await work.addMany(40);
    const runs: number[] = [];
    const worker = work.start({
      worker: { max_concurrent_tasks: 4 },
      onSession: breakCommits(when, cause),
      handlers: { t: ({ task_id }) => runs.push(task_id) },
    });
    await work.ended(ids);
    await worker.stop();
    expect(runs.sort((a, b) => a - b)).toEqual(ids);
    const attempts = await work.session.rows(`SELECT DISTINCT status, attempt FROM ${work.names.assignment}`);
    expect(attempts).toEqual([{ status: 'completed', attempt: 1 }]);
    expect(eventsOf(worker, 'task:lost')).toEqual([]);
  });

  it('leaves no follow-up task of an end whose COMMIT has failed, and each one once when it goes through', async ({
    work,
  }) => {
    const id = await work.add();
    const [followUps, runs]: [number[], number[]] = [[], []];
    const next = `${work.names.task} WHERE task_type = 'next'`;
    const enqueue = [{ task_type: 'next' }, { task_type: 'next', dedupe_key: 'k' }];
    const worker = work.start({
      handlers: { t: ({ task_id }) => runs.push(task_id) && { status: 'done', enqueue } },
      onSession: batchesThrough(async (statements, send, session) => {
        if (followUps.length === 3 || !statements.some((one) => one.sql.includes("status = 'done'")))
          return send(statements);
        followUps.push(await work.count(next));
        session.destroy();
        throw databaseError(lost(), 'test');
      }),
    });
    await work.ended(id);
    await worker.stop();
    expect([followUps, runs]).toEqual([[0, 0, 0], [id]]);
    expect(await work.session.rows(`SELECT parent_id, dedupe_key FROM ${next} ORDER BY id`)).toEqual([
      { parent_id: id, dedupe_key: null },
      { parent_id: id, dedupe_key: 'k' },
    ]);
  });

  it('G1 an outage is not an empty queue: it is logged, and the work goes on when the database answers again', async ({
    work,
  }) => {
    const worker = work.start({ handlers: { t: () => 1 }, worker: { leader: true } });
    await once(worker.events, 'worker:started');
    const told = [once(worker.events, 'database:lost'), once(worker.events, 'database:back')];
    const connections = await work.session.rows(
      'SELECT id FROM information_schema.PROCESSLIST WHERE db = DATABASE() AND id <> CONNECTION_ID()',
    );
    for (const { id } of connections) await work.session.write(`KILL ${id}`);
    await Promise.all(told);
    await work.ended(await work.add());
    expect([...eventsOf(worker, 'device:dead'), ...eventsOf(worker, 'task:lost')]).toEqual([]);
  });

  it('G2 a write under lock that touches another number of rows than it must is a bug that stops the worker', async ({
    work,
  }) => {
    await work.add();
    const claim = "SET status = 'running'";
    const worker = work.start({
      handlers: { t: () => 1 },
      onSession: batchesThrough((statements, send) =>
        send(statements.map((one) => (one.sql.includes(claim) ? { ...one, sql: `${one.sql} AND id < 0` } : one))),
      ),
    });
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });
});

it.for(['work connection', 'handler'] as const)(
  'G3, G4 heartbeats and the lease go on while the %s waits for a row lock',
  async (who, { work }) => {
    const id = await work.add();
    const [holder, own] = [await work.db.session(), await work.db.session({ deadlineMs: 60_000 })];
    const lock = `SELECT id FROM ${work.names.task} WHERE id = ? FOR UPDATE`;
    let go = () => {};
    const told = new Promise<void>((resolve) => (go = resolve));
    const worker = work.start({
      worker: { leader: true },
      handlers: {
        async t() {
          await told;
          if (who === 'handler') await own.rows(lock, [id]);
        },
      },
    });
    await once(worker.events, 'task:started');
    await holder.write('START TRANSACTION');
    await holder.rows(lock, [id]);
    go();
    // Longer than the heartbeat timeout would allow a silent device to keep its tasks.
    await heartbeats(worker, 12);
    expect((await work.task(id)).status).toBe('running');
    await holder.write('ROLLBACK');
    await work.ended(id);
    expect(await work.task(id)).toMatchObject({ attempt: 1 });
  },
);
