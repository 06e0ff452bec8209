// What a claim meets that no claim should end by: rows that the server refuses, locks of others, errors that pass.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { databaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const status = (id: number, wanted: string) =>
  until(async () => (await task(id)).status === wanted, 15_000, `task ${id} ${wanted}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const events = (worker: TestWorker, name: string) => worker.seen.filter((one) => one.name === name);

/** No row may become one of these: as a trigger or a constraint of the user's may refuse it. */
const refuse = (rows: string) =>
  session.write(`ALTER TABLE ${db.names.task} ADD CONSTRAINT no_odd_rows CHECK (NOT (COALESCE(${rows}, FALSE)))`);
const allow = () => session.write(`ALTER TABLE ${db.names.task} DROP CONSTRAINT no_odd_rows`);

/** Counts the transactions of a worker's own session. */
function counting() {
  const counts = { transactions: 0 };
  const onSession = (of: Session) => {
    const original = of.batch.bind(of);
    of.batch = (statements) => {
      if (statements[0]?.sql === 'START TRANSACTION') counts.transactions += 1;
      return original(statements);
    };
  };
  return { counts, onSession };
}

/** Fails what `when` picks, with this error of the server, as long as `times` allows. */
function failing(when: (sql: string) => boolean, error: object, times: number, { after = false } = {}) {
  const left = { times };
  const onSession = (of: Session) => {
    const original = of.batch.bind(of);
    of.batch = async (statements) => {
      if (left.times > 0 && statements.some(({ sql }) => when(sql))) {
        left.times -= 1;
        if (after) await original(statements);
        throw databaseError(Object.assign(new Error('injected'), error), 'test');
      }
      return original(statements);
    };
  };
  return { left, onSession };
}

const KILLED = { errno: 1317, sqlState: '70100' };
const DISK_FULL = { errno: 1114, sqlState: 'HY000' };
const OF_TOMORROW = { errno: 9999, sqlState: 'HY000' };

describe('a row that the server refuses', () => {
  it('finding S2: a task at the end of its attempts is claimed all the same, and its neighbours are done', async () => {
    const odd = await add({ attempt: 2147483647 });
    const good = [await add(), await add()];
    const worker = startWorker(db, { handlers: { t: () => 'fine' } });
    for (const id of [odd, ...good]) await status(id, 'done');
    expect(events(worker, 'warning')).toEqual([]);
  });

  it('finding S2: facts of a claim that another program left with a zero date stop nobody', async () => {
    await session.write("SET SESSION sql_mode = ''");
    const odd = await add({
      claimed_by: 'ghost',
      claimed_at: '0000-00-00 00:00:00',
      claim_deadline: '9999-12-31 23:59:59',
      claim_token: randomBytes(16),
    });
    const good = await add();
    startWorker(db, { handlers: { t: () => 'fine' } });
    await status(good, 'done');
    await status(odd, 'done');
  });

  it('finding F8: a task whose row a constraint refuses is put aside alone, and said once', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 9; n += 1) ids.push(await add(n === 4 ? { username: 'odd' } : {}));
    const odd = ids[4]!;
    await refuse("username = 'odd' AND status = 'running'");
    try {
      const worker = startWorker(db, { handlers: { t: () => 'fine' } });
      for (const id of ids) if (id !== odd) await status(id, 'done');
      await status(odd, 'failed');
      expect((await task(odd)).last_error).toMatch(/cannot be claimed.*no_odd_rows/);
      expect(await attempts(odd)).toEqual([]);
      expect(events(worker, 'task:set-aside').map(({ data }) => data)).toMatchObject([{ task_id: odd, failed: true }]);
    } finally {
      await allow();
    }
  });

  it('finding F8: a row that cannot be changed at all is left alone, and work goes on', async () => {
    const odd = await add({ username: 'odd' });
    const good = [await add(), await add()];
    await refuse("username = 'odd' AND status <> 'pending'");
    try {
      const { counts, onSession } = counting();
      const worker = startWorker(db, { handlers: { t: () => 'fine' }, onSession });
      for (const id of good) await status(id, 'done');
      await until(() => events(worker, 'task:set-aside').length > 0, 10_000, 'the odd row is said');
      const before = counts.transactions;
      const later = await add();
      await status(later, 'done');
      expect(events(worker, 'task:set-aside').map(({ data }) => data)).toMatchObject([{ task_id: odd, failed: false }]);
      expect(counts.transactions - before).toBeLessThan(30);
      expect((await task(odd)).status).toBe('pending');
    } finally {
      await allow();
    }
  });

  it('finding F10: an end that cannot be stored spends the budget, and the handler does not run for ever', async () => {
    const id = await add({ max_retry_count: 1 });
    let runs = 0;
    const { onSession } = failing(
      (sql) => sql.includes("status = 'completed'"),
      { errno: 1406, sqlState: '22001' },
      1e9,
    );
    startWorker(db, {
      handlers: {
        t: () => {
          runs += 1;
          return 'fine';
        },
      },
      onSession,
    });
    await status(id, 'failed');
    expect(runs).toBe(2);
    expect((await attempts(id)).map((one) => [one.status, one.error_class])).toEqual([
      ['failed', 'unstorable'],
      ['failed', 'unstorable'],
    ]);
  });

  it.each([
    ['with none left', 2147483646, 'failed', 'Error'],
    ['with as many allowed', 2147483647, 'pending', 'Error'],
  ])(
    'finding F10: a try at the end of the range of `retry`, %s, is stored as any other',
    async (_, most, ends, error_class) => {
      const id = await add({ retry: 2147483647, max_retry_count: most });
      const worker = startWorker(db, {
        handlers: {
          t: () => {
            throw new Error('no');
          },
        },
        // What waits for its next try stays there for the test to see.
        master: { retry_backoff: { initial: 3600, max: 3600, jitter: 0 } },
      });
      await until(async () => (await attempts(id))[0]?.status === 'failed', 15_000, 'the end of the attempt');
      expect(await task(id)).toMatchObject({ status: ends, retry: 2147483647, last_error: 'no' });
      expect(await attempts(id)).toMatchObject([{ error_class, error_message: 'no' }]);
      expect(events(worker, 'warning')).toEqual([]);
    },
  );

  it('finding F10: a text that is longer than its column is cut, and the try is counted', async () => {
    await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error VARCHAR(64) NULL`);
    try {
      const id = await add({ max_retry_count: 0 });
      startWorker(db, {
        handlers: {
          t: () => {
            throw new Error('x'.repeat(500));
          },
        },
      });
      await status(id, 'failed');
      expect((await task(id)).last_error).toHaveLength(64);
      expect((await attempts(id))[0]!.error_message.length).toBeGreaterThan(400);
    } finally {
      await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error TEXT NULL`);
    }
  });
});

describe('an error that passes', () => {
  it.each([
    ['KILL QUERY', KILLED],
    ['a full disk', DISK_FULL],
    ['a number that nobody knows', OF_TOMORROW],
  ])('finding F9: %s throws no finished work away, and ends no worker', async (_, error) => {
    const id = await add();
    let runs = 0;
    const { left, onSession } = failing((sql) => sql.includes("status = 'done'"), error, 4);
    const worker = startWorker(db, {
      handlers: {
        t: () => {
          runs += 1;
          return { rows: 7 };
        },
      },
      onSession,
    });
    await status(id, 'done');
    expect([runs, left.times]).toEqual([1, 0]);
    expect((await attempts(id)).map((one) => [one.status, JSON.parse(one.result)])).toEqual([
      ['completed', { rows: 7 }],
    ]);
    const troubles = events(worker, 'work:troubled').map(({ data }) => (data as { cause?: string }).cause);
    expect([troubles.length, troubles[1]]).toEqual([2, undefined]);
  });

  it('finding F9: a claim that was interrupted after its COMMIT is found again, and runs once', async () => {
    const id = await add();
    let runs = 0;
    const { onSession } = failing((sql) => sql === 'COMMIT', KILLED, 1, { after: true });
    startWorker(db, {
      handlers: {
        t: () => {
          runs += 1;
        },
      },
      onSession,
    });
    await status(id, 'done');
    expect(runs).toBe(1);
    expect(await attempts(id)).toHaveLength(1);
  });
});

describe('a claim that brings nothing', () => {
  it('finding F6: a pending row that somebody else has locked is asked for a few times, not without end', async () => {
    const { counts, onSession } = counting();
    // One task after it, so that the worker's cursor is behind the row: then each cursor check finds it.
    const locked = await add();
    const first = await add();
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [locked]);
    const worker = startWorker(db, { handlers: { t: () => 'fine' }, onSession });
    await status(first, 'done');
    const [begun, ticks] = [counts.transactions, () => events(worker, 'device:heartbeat').length];
    const from = ticks();
    await until(() => ticks() >= from + 6, 20_000, 'six heartbeats');
    // A poll each 100 ms for 1.8 s, and as many claims.
    expect(counts.transactions - begun).toBeLessThan(60);
    await other.write('ROLLBACK');
    await status(locked, 'done');
  });

  it('finding F7: a backlog of tried tasks is claimed as slots come free', async () => {
    const { counts, onSession } = counting();
    // Short tasks first: then a worker prefetches.
    const short = await Promise.all(Array.from({ length: 60 }, () => add()));
    const slots = 2;
    startWorker(db, {
      handlers: { t: () => new Promise((resolve) => setTimeout(resolve, 15)) },
      worker: { max_concurrent_tasks: slots },
      onSession,
    });
    for (const id of short) await status(id, 'done');
    const begun = counts.transactions;
    const tried = await Promise.all(Array.from({ length: 40 }, () => add({ attempt: 1 })));
    for (const id of tried) await status(id, 'done');
    // One for each end or two, and a few polls; it was hundreds for each.
    expect(counts.transactions - begun).toBeLessThan(40 * 4);
  });
});

describe('payloads', () => {
  it('finding F12: those that are long come before the handler, not with the claim', async () => {
    const text = 'p'.repeat(200_000);
    const ids: number[] = [];
    for (let n = 0; n < 4; n += 1) ids.push(await add({ task_data: JSON.stringify({ n, text }) }));
    const seen: number[] = [];
    let fetched = 0;
    startWorker(db, {
      handlers: {
        t: ({ task_data }) => {
          seen.push((task_data.text as string).length);
          return task_data.n;
        },
      },
      onSession(of) {
        const original = of.rows.bind(of);
        of.rows = (sql, values) => {
          if (sql.includes('SELECT task_data')) fetched += 1;
          return original(sql, values);
        };
      },
    });
    for (const id of ids) await status(id, 'done');
    expect(seen).toEqual([200_000, 200_000, 200_000, 200_000]);
    expect(fetched).toBe(4);
  });

  it('finding F12: one that does not arrive in time fails its attempt with what to do', async () => {
    const id = await add({ max_retry_count: 0, task_data: JSON.stringify({ text: 'p'.repeat(20_000) }) });
    startWorker(db, {
      handlers: { t: () => 'never' },
      onSession(of) {
        const original = of.rows.bind(of);
        of.rows = async (sql, values) => {
          if (!sql.includes('SELECT task_data')) return original(sql, values);
          throw databaseError(Object.assign(new Error('late'), { code: 'AFD_DEADLINE', fatal: true }), 'test');
        };
      },
    });
    await status(id, 'failed');
    expect((await task(id)).last_error).toMatch(/payload of 2\d{4} bytes.*call_timeout/);
  });
});

describe('a timeout of zero or less', () => {
  it('counts as none: the handler has the time of its type, and runs once', async () => {
    const ids = [await add({ execution_timeout: 0 }), await add({ execution_timeout: -2147483648 })];
    let finish!: () => void;
    const over = new Promise<void>((resolve) => (finish = resolve));
    startWorker(db, { handlers: { t: () => over }, worker: { leader: true } });
    for (const id of ids) await status(id, 'running');
    const due = `deadline_at > UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE`;
    await until(async () => {
      const open = await session.rows(`SELECT 1 FROM ${db.names.assignment} WHERE status = 'running' AND ${due}`);
      return open.length === ids.length;
    });
    finish();
    for (const id of ids) {
      await status(id, 'done');
      expect((await attempts(id)).map((one) => one.status)).toEqual(['completed']);
    }
  });
});

describe('ids of attempts', () => {
  it('finding R1: hold when the step of AUTO_INCREMENT changes between two claims', async () => {
    let step = 1;
    const onSession = (of: Session) => {
      const original = of.batch.bind(of);
      of.batch = async (statements) => {
        if (statements[0]?.sql === 'START TRANSACTION') {
          step = (step % 7) + 1;
          await original([{ sql: `SET SESSION auto_increment_increment = ${step}` }]);
        }
        return original(statements);
      };
    };
    const ids = await Promise.all(Array.from({ length: 30 }, () => add()));
    startWorker(db, { handlers: { t: ({ task_id }) => ({ task_id }) }, onSession });
    for (const id of ids) {
      await status(id, 'done');
      const [one, ...more] = await attempts(id);
      expect([one!.status, JSON.parse(one!.result).task_id, more]).toEqual(['completed', id, []]);
    }
  });
});
