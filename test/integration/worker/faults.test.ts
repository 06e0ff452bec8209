import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect } from 'vitest';
import { databaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 15_000, `task ${id} ${status}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const count = async (what: string) => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${what}`))[0]!.n);

/** Makes every n-th transaction of a worker fail: before its COMMIT is sent, or after it was done. */
function breakCommits(when: 'before' | 'after', every: number, error: () => Error) {
  let n = 0;
  return (of: Session) => {
    const original = of.batch.bind(of);
    of.batch = async (statements) => {
      const commits = statements.at(-1)?.sql === 'COMMIT';
      if (commits) n += 1;
      const now = commits && n % every === 0;
      if (now && when === 'before') {
        const failure = error();
        if (databaseError(failure, 'test').retry === 'connection') of.destroy();
        throw databaseError(failure, 'test');
      }
      const result = await original(statements);
      if (now) {
        of.destroy();
        throw databaseError(error(), 'test');
      }
      return result;
    };
  };
}

const lost = () =>
  Object.assign(new Error('Connection lost: injected'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
const deadlock = () => Object.assign(new Error('Deadlock found: injected'), { errno: 1213, code: 'ER_LOCK_DEADLOCK' });

describe('a worker whose transactions fail', () => {
  it.each([
    ['the connection is lost after every third COMMIT, unanswered', 'after' as const, lost],
    ['the connection is lost before every third COMMIT', 'before' as const, lost],
    ['every third transaction is chosen as a deadlock victim', 'before' as const, deadlock],
  ])('runs and completes each task exactly once when %s', async (_, when, error) => {
    const ids = await Promise.all(Array.from({ length: 40 }, () => add()));
    const runs = new Map<number, number>();
    const worker = startWorker(db, {
      worker: { max_concurrent_tasks: 4 },
      onSession: breakCommits(when, 3, error),
      handlers: { t: (given) => runs.set(given.task_id, (runs.get(given.task_id) ?? 0) + 1) },
    });
    for (const id of ids) await ended(id, 'done');
    await worker.stop();
    expect([...runs.values()].every((n) => n === 1)).toBe(true);
    expect(await count(`${db.names.assignment} WHERE status = 'completed'`)).toBe(ids.length);
    expect(await count(`${db.names.assignment} WHERE status IN ('assigned', 'running')`)).toBe(0);
    expect(worker.seen.filter((one) => one.name === 'task:lost')).toEqual([]);
  });

  it('leaves no follow-up task of an end whose COMMIT has failed, and each one once when it goes through', async () => {
    const id = await add();
    const followUps: number[] = [];
    const runs: number[] = [];
    const worker = startWorker(db, {
      handlers: {
        t: (given) => {
          runs.push(given.task_id);
          return { status: 'done', enqueue: [{ task_type: 'next' }, { task_type: 'next', dedupe_key: 'k' }] };
        },
      },
      onSession(of) {
        const original = of.batch.bind(of);
        of.batch = async (statements) => {
          if (followUps.length < 3 && statements.some((one) => one.sql.includes("status = 'done'"))) {
            followUps.push(await count(`${db.names.task} WHERE task_type = 'next'`));
            of.destroy();
            throw databaseError(lost(), 'test');
          }
          return original(statements);
        };
      },
    });
    await ended(id, 'done');
    await worker.stop();
    expect([followUps, runs]).toEqual([[0, 0, 0], [id]]);
    const there = await session.rows(
      `SELECT parent_id, dedupe_key FROM ${db.names.task} WHERE task_type = 'next' ORDER BY id`,
    );
    expect(there).toEqual([
      { parent_id: id, dedupe_key: null },
      { parent_id: id, dedupe_key: 'k' },
    ]);
  });

  it('runs a task once whose claim was answered, when the cursor check after it loses the connection', async () => {
    // The cursor check behind a claim is not part of it: its failure says nothing about the claim.
    let broken = 0;
    const breakLooks = (of: Session) => {
      const original = of.batch.bind(of);
      of.batch = async (statements) => {
        if (broken < 3 && statements[0]?.sql.startsWith('SELECT due_at, id FROM') === true) {
          broken += 1;
          of.destroy();
          throw databaseError(lost(), 'test');
        }
        return original(statements);
      };
    };
    const runs = new Map<number, number>();
    startWorker(db, {
      worker: { max_concurrent_tasks: 4 },
      onSession: breakLooks,
      handlers: {
        async t(given) {
          runs.set(given.task_id, (runs.get(given.task_id) ?? 0) + 1);
          await pause(300);
        },
      },
    });
    const ids = await Promise.all(Array.from({ length: 30 }, () => add()));
    for (const id of ids) await ended(id, 'done');
    expect(broken).toBeGreaterThan(0);
    expect([...runs.values()].filter((n) => n !== 1)).toEqual([]);
  });

  it('gives back no task whose claim is committed and not answered yet, though the database holds it open for the device', async () => {
    let hold = true;
    const openRows = `${db.names.assignment} WHERE status IN ('assigned', 'running')`;
    const state = (is: string) => session.write(`UPDATE ${db.names.device} SET operator_state = ?`, [is]);
    let runs = 0;
    const worker = startWorker(db, {
      handlers: { t: () => (runs += 1) },
      onSession(of) {
        const original = of.batch.bind(of);
        of.batch = async (statements) => {
          const result = await original(statements);
          if (hold && statements.at(-1)?.sql === 'COMMIT' && (await count(openRows)) > 0) {
            hold = false;
            // The state that the worker reports comes from a look at the device and its open attempts after the COMMIT.
            const looked = once(worker.events, 'device:operator-state', (one) => one.operator_state === 'paused');
            await state('paused');
            await looked;
            await state('active');
          }
          return result;
        };
      },
    });
    await once(worker.events, 'worker:started');
    const id = await add();
    await ended(id, 'done');
    await worker.stop();
    expect([hold, runs, await session.rows(`SELECT status FROM ${db.names.assignment}`)]).toEqual([
      false,
      1,
      [{ status: 'completed' }],
    ]);
  });

  it('G1 an outage is not an empty queue: it is logged, and the work goes on when the database answers again', async () => {
    const worker = startWorker(db, { handlers: { t: () => 1 }, worker: { leader: true } });
    await once(worker.events, 'worker:started');
    const back = once(worker.events, 'database:back');
    const gone = once(worker.events, 'database:lost');
    for (const row of await session.rows(
      'SELECT id FROM information_schema.PROCESSLIST WHERE db = DATABASE() AND id <> CONNECTION_ID()',
    )) {
      await session.write(`KILL ${row.id}`);
    }
    await Promise.all([gone, back]);
    const id = await add();
    await ended(id, 'done');
    expect(worker.seen.filter((one) => one.name === 'device:dead' || one.name === 'task:lost')).toEqual([]);
  });

  it('G2 a write under lock that touches another number of rows than it must is a bug that stops the worker', async () => {
    await add();
    const worker = startWorker(db, {
      handlers: { t: () => 1 },
      onSession(of) {
        const original = of.batch.bind(of);
        of.batch = (statements) =>
          original(
            statements.map((one) =>
              one.sql.includes("SET status = 'running'") ? { ...one, sql: `${one.sql} AND id < 0` } : one,
            ),
          );
      },
    });
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });

  it('G3 heartbeats go on while the work connection waits for a row lock', async () => {
    const id = await add();
    let finish = () => {};
    const worker = startWorker(db, { handlers: { t: () => new Promise<void>((done) => (finish = done)) } });
    await once(worker.events, 'task:started');
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [id]);
    finish();
    for (let n = 0; n < 4; n += 1) await once(worker.events, 'device:heartbeat');
    expect((await task(id)).status).toBe('running');
    await other.write('ROLLBACK');
    await ended(id, 'done');
  });

  it("G4 a handler's own lock wait delays neither the heartbeat nor the lease", async () => {
    const id = await add();
    const holder = await db.session();
    await holder.write('DROP TABLE IF EXISTS handler_rows');
    await holder.write('CREATE TABLE handler_rows (id INT PRIMARY KEY, n INT)');
    await holder.write('INSERT INTO handler_rows VALUES (1, 1)');
    await holder.write('START TRANSACTION');
    await holder.rows('SELECT n FROM handler_rows WHERE id = 1 FOR UPDATE');
    const own = await db.session({ deadlineMs: 60_000 });
    await own.write('SET SESSION innodb_lock_wait_timeout = 60');
    const worker = startWorker(db, {
      worker: { leader: true },
      handlers: {
        t: async () => (await own.write('UPDATE handler_rows SET n = 2 WHERE id = 1')).affectedRows,
      },
    });
    await once(worker.events, 'task:started');
    // Longer than the heartbeat timeout would allow a silent device to keep its tasks.
    for (let n = 0; n < 12; n += 1) await once(worker.events, 'device:heartbeat');
    await holder.write('ROLLBACK');
    await ended(id, 'done');
    expect((await task(id)).attempt).toBe(1);
    await holder.write('DROP TABLE handler_rows');
  });

  it('F8 an end that cannot be stored becomes a failed attempt that says so', async () => {
    const id = await add({ max_retry_count: 0 });
    const worker = startWorker(db, {
      handlers: { t: () => 'fine' },
      onSession(of) {
        const original = of.batch.bind(of);
        of.batch = (statements) =>
          statements.some((one) => one.sql.includes("status = 'done'"))
            ? Promise.reject(
                databaseError(
                  Object.assign(new Error('Data too long: injected'), { errno: 1406, sqlState: '22001' }),
                  'test',
                ),
              )
            : original(statements);
      },
    });
    await ended(id, 'failed');
    expect((await task(id)).last_error).toMatch(/could not be stored.*Data too long/);
    expect(worker.seen.some((one) => one.name === 'warning')).toBe(true);
  });
});
