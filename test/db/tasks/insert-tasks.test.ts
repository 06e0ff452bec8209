import { describe, expect } from 'vitest';
import { DatabaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { isReturnRefused } from '../../../src/core/db/tasks/insert-singly.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { NewTask } from '../../../src/core/domain/task/task.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

const fleet = { maxRetryCount: 3 };
let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
});

const insert = (tasks: NewTask[], options = fleet) => insertTasks(session, names, tasks, options);
const keyed = (dedupe_key: string): NewTask => ({ task_type: 'sync_data', dedupe_key });
const all = (columns: string) => session.rows(`SELECT ${columns} FROM ${names.task} ORDER BY id`);

describe('inserting tasks', () => {
  it('writes every column that is given', async () => {
    const [answer] = await insert([
      {
        task_type: 'sync_data',
        username: 'user@example.com',
        app_id: 'com.example.app',
        start_date: '2024-01-01',
        end_date: '2024-01-31',
        priority: 7,
        estimated_duration: 60,
        required_capabilities: { proxy_support: true },
        max_retry_count: 0,
        task_data: { text: `it's a "quote", a \\ and 早上好 🌞, or a question?` },
        execution_timeout: 90,
        dedupe_key: 'k',
        concurrency_key: 'user@example.com',
      },
    ]);
    const [row] = await all('*');
    expect(answer).toEqual({ task_id: row?.id, created: true });
    expect(row).toMatchObject({
      task_type: 'sync_data',
      username: 'user@example.com',
      app_id: 'com.example.app',
      start_date: '2024-01-01',
      end_date: '2024-01-31',
      priority: 7,
      estimated_duration: 60,
      max_retry_count: 0,
      execution_timeout: 90,
      dedupe_key: 'k',
      concurrency_key: 'user@example.com',
      status: 'pending',
      retry: 0,
      attempt: 0,
      parent_id: null,
    });
    expect(JSON.parse(row?.required_capabilities)).toEqual({ proxy_support: true });
    expect(JSON.parse(row?.task_data)).toEqual({ text: `it's a "quote", a \\ and 早上好 🌞, or a question?` });
  });

  it('makes of a bare task the row that a plain INSERT makes, but for the max_retry_count of the fleet', async () => {
    await session.write(`INSERT INTO ${names.task} (task_type) VALUES ('sync_apps')`);
    await insert([{ task_type: 'sync_apps' }], { maxRetryCount: 8 });
    const [plain, ours] = (await all('*')) as [Record<string, unknown>, Record<string, unknown>];
    const late = (row: Record<string, unknown>) =>
      Object.keys(row).filter((name) => /_at$/.test(name) && row[name] !== null);
    expect(late(ours)).toEqual(late(plain));
    for (const name of [...late(plain), 'id']) delete plain[name];
    expect(ours).toMatchObject({ ...plain, max_retry_count: 8 });
  });

  it('records the task whose handler asked for it', async () => {
    await insertTasks(session, names, [{ task_type: 'a' }], { maxRetryCount: 3, parentId: 77 });
    expect(await all('parent_id')).toEqual([{ parent_id: 77 }]);
  });

  it('answers nothing for no tasks', async () => {
    expect(await insert([])).toEqual([]);
    expect(await all('id')).toEqual([]);
  });

  it('sends nothing when one of the tasks is not valid', async () => {
    await expect(insert([keyed('a'), { task_type: 'x'.repeat(33) }])).rejects.toMatchObject({
      code: 'E_USAGE',
      data: { problems: [{ index: 1 }] },
    });
    expect(await all('id')).toEqual([]);
  });

  it('B7 tells the right id of each row, in input order, over several statements', async () => {
    const tasks = Array.from({ length: 1203 }, (_, n): NewTask => {
      const task = { task_type: 'a', task_data: { n } };
      return n % 3 === 0 ? task : { ...task, dedupe_key: `key ${(n * 7919) % 1203}` };
    });
    const answers = await insert(tasks);
    const rows = await session.rows(`SELECT id, task_data FROM ${names.task}`);
    const placeOf = new Map(rows.map((row) => [row.id, JSON.parse(row.task_data).n]));
    expect(rows).toHaveLength(1203);
    expect(answers.map((one) => placeOf.get(one.task_id))).toEqual(tasks.map((_, n) => n));
    expect(answers.every((one) => one.created)).toBe(true);
  });

  it('B7 follows the step of a server that numbers in steps of seven', async () => {
    await session.write('SET SESSION auto_increment_increment = 7, auto_increment_offset = 3');
    const stepped = new Proxy(session, {
      get: (target, name) =>
        name === 'facts' ? { ...target.facts, autoIncrementIncrement: 7 } : bound(target, name as keyof Session),
    });
    const answers = await insertTasks(stepped, names, [keyed('c'), { task_type: 'a' }, keyed('b')], fleet);
    const rows = await all('id, dedupe_key');
    for (const [n, key] of [
      [0, 'c'],
      [1, null],
      [2, 'b'],
    ] as const) {
      expect(rows.find((row) => row.dedupe_key === key)?.id).toBe(answers[n]?.task_id);
    }
  });

  it('splits a bulk that is over max_allowed_packet and refuses a task that is', async () => {
    const { maxAllowedPacket } = session.facts;
    const small = Object.assign(Object.create(session) as Session, {});
    Object.defineProperty(small, 'facts', { value: { ...session.facts, maxAllowedPacket: 20_000 } });
    small.write = session.write.bind(session);
    small.rows = session.rows.bind(session);
    const tasks = Array.from({ length: 20 }, (_, n) => ({ task_type: 'a', task_data: { n, text: '"'.repeat(1500) } }));
    const answers = await insertTasks(small, names, tasks, fleet);
    const rows = await session.rows(`SELECT id, task_data FROM ${names.task} ORDER BY id`);
    expect(rows.map((row) => JSON.parse(row.task_data).n)).toEqual(tasks.map((_, n) => n));
    expect(answers.map((one) => one.task_id)).toEqual(rows.map((row) => row.id));
    const huge = { task_type: 'a', task_data: { text: 'x'.repeat(20_000) } };
    await expect(insertTasks(small, names, [huge], fleet)).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(maxAllowedPacket).toBeGreaterThan(1_000_000);
  });

  it('puts 10,000 tasks in within a few seconds', async () => {
    const tasks = Array.from({ length: 10_000 }, (_, n) => ({ ...keyed(`day/${n}`), task_data: { n } }));
    const answers = await transaction(session, () => insert(tasks));
    expect(new Set(answers.map((one) => one.task_id)).size).toBe(10_000);
    expect(await session.rows(`SELECT COUNT(*) AS n FROM ${names.task}`)).toEqual([{ n: 10_000 }]);
  }, 10_000);
});

describe('dedupe keys', () => {
  it('B8 leave a task that is there as it is: nothing is resurrected', async () => {
    const before = await insert([keyed('done'), keyed('running'), keyed('failed')]);
    for (const [n, status] of ['done', 'running', 'failed'].entries()) {
      await session.write(`UPDATE ${names.task} SET status = ?, retry = 2, priority = 9 WHERE id = ?`, [
        status,
        before[n]?.task_id,
      ]);
    }
    const rows = await all('*');
    const again = await insert([keyed('failed'), keyed('done'), keyed('running')]);
    expect(await all('*')).toEqual(rows);
    expect(again).toEqual([before[2], before[0], before[1]].map((one) => ({ ...one, created: false })));
  });

  it('C9 are one task when they are equal within one call; the first one wins', async () => {
    const answers = await insert([
      { ...keyed('same'), priority: 1 },
      { task_type: 'other' },
      { ...keyed('same'), priority: 9 },
    ]);
    expect(answers.map((one) => one.created)).toEqual([true, true, false]);
    expect(answers[2]?.task_id).toBe(answers[0]?.task_id);
    expect(await all('priority')).toHaveLength(2);
    expect(await session.rows(`SELECT priority FROM ${names.task} WHERE dedupe_key = 'same'`)).toEqual([
      { priority: 1 },
    ]);
  });

  it('C9 differ by case and by accent', async () => {
    const answers = await insert([keyed('com.App'), keyed('com.app'), keyed('com.äpp'), keyed('com.app')]);
    expect(new Set(answers.map((one) => one.task_id)).size).toBe(3);
    expect(await insert([keyed('COM.APP')])).toMatchObject([{ created: true }]);
  });

  it('C9 never collide when there is none', async () => {
    const answers = await insert([{ task_type: 'a' }, { task_type: 'a', dedupe_key: null }, { task_type: 'a' }]);
    expect(new Set(answers.map((one) => one.task_id)).size).toBe(3);
  });

  it('C8 complete a day whose creation was cut off half-way', async () => {
    const day = Array.from({ length: 1500 }, (_, n) => keyed(`2024-01-01/${n}`));
    const half = await insert(day.slice(400, 1100));
    const whole = await insert(day);
    expect(whole.filter((one) => one.created)).toHaveLength(800);
    expect(whole.slice(400, 1100)).toEqual(half.map((one) => ({ ...one, created: false })));
  });

  it('are free again when their row is deleted', async () => {
    await insert([keyed('k')]);
    await session.write(`DELETE FROM ${names.task}`);
    expect(await insert([keyed('k')])).toMatchObject([{ created: true }]);
  });

  it("hold against eight sessions that enqueue the same and each other's keys at once: each is created once", async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => database.session()));
    const keys = Array.from({ length: 1200 }, (_, n) => `k${n}`);
    const answers = await Promise.all(
      sessions.map((one, s) => {
        // Overlapping, unordered parts, different in each session.
        const mine = keys.filter((_, n) => (n * 31 + s * 17) % 8 !== 0).sort(() => Math.random() - 0.5);
        return transaction(one, () => insertTasks(one, names, mine.map(keyed), fleet)).then((list) =>
          list.map((answer, n) => ({ ...answer, key: mine[n] as string })),
        );
      }),
    );
    const rows = await session.rows(`SELECT id, dedupe_key FROM ${names.task}`);
    const idOf = new Map(rows.map((row) => [row.dedupe_key, row.id]));
    expect(rows).toHaveLength(1200);
    for (const one of answers.flat()) expect(one.task_id).toBe(idOf.get(one.key));
    expect(answers.flat().filter((one) => one.created)).toHaveLength(1200);
  });

  /** On MariaDB, of an account that may not read the ids that it is given: one statement for each row. */
  it.each([
    ['one statement', false],
    ['one statement for each row', true],
  ])('see a key that another session commits between the read and the insert, by %s', async (_how, singly) => {
    const denied = new DatabaseError('E_DATABASE', 'no right', { errno: 1143, retry: 'final' });
    if (singly) isReturnRefused(session, denied);
    const other = await database.session();
    await other.write('START TRANSACTION');
    const [first] = await insertTasks(other, names, [keyed('m')], fleet);
    // The read finds nothing, the insert waits for the other session's row, and then gets 1062.
    const waiting = transaction(session, () => insert([keyed('a'), keyed('m'), keyed('z')]));
    const watcher = await database.session();
    for (let blocked = false; !blocked; ) {
      const rows = await watcher.rows<{ Info: string | null; State: string | null }>('SHOW PROCESSLIST');
      blocked = rows.some((row) => row.Info?.startsWith('INSERT INTO') === true);
    }
    await other.write('COMMIT');
    expect(await waiting).toMatchObject([{ created: true }, { ...first, created: false }, { created: true }]);
  });
});

describe('errors are errors', () => {
  it('G1 a database that refuses is not an empty answer', async () => {
    const lost = await database.session();
    lost.destroy();
    await expect(insertTasks(lost, names, [keyed('a')], fleet)).rejects.toMatchObject({ code: 'E_DATABASE' });
  });

  it('G2 rows that were not written are reported', async () => {
    const silent = Object.assign(Object.create(session) as Session, {
      write: async () => ({ affectedRows: 0, insertId: 0 }),
    });
    Object.defineProperty(silent, 'facts', { value: session.facts });
    await expect(insertTasks(silent, names, [{ task_type: 'a' }], fleet)).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });

  it('a unique index that is not ours is reported, not waited for', async () => {
    await session.write(`CREATE UNIQUE INDEX users_own ON ${names.task} (username)`);
    try {
      const twice = ['a', 'b'].map((key) => ({ ...keyed(key), username: 'same' }));
      await expect(insert(twice)).rejects.toMatchObject({ errno: 1062 });
      Object.assign(session.facts, { sendsFailedRows: true });
      await expect(transaction(session, () => insert(twice))).rejects.toMatchObject({ errno: 1062 });
    } finally {
      await session.write(`DROP INDEX users_own ON ${names.task}`);
    }
  });

  it('leave nothing behind in the transaction that they end', async () => {
    const bad = async () => {
      await insert([keyed('a')]);
      throw new Error('stop');
    };
    await expect(transaction(session, bad)).rejects.toThrow('stop');
    expect(await all('id')).toEqual([]);
  });
});

describe('run_at', () => {
  const due = async (zone: string, run_at: string) => {
    const one = await database.session({ timeZone: zone });
    await insertTasks(one, names, [{ task_type: 'a', run_at }], fleet);
    return one.rows(
      `SELECT CAST(next_run_at AS CHAR) AS next_run_at, due_at > NOW(3) AS later FROM ${names.task} ORDER BY id DESC LIMIT 1`,
    );
  };

  it('E2 is the same instant in every zone of the session', async () => {
    expect(await due('+00:00', '2037-01-01T08:00:00.250Z')).toEqual([
      { next_run_at: '2037-01-01 08:00:00.250', later: 1 },
    ]);
    expect(await due('+08:00', '2037-01-01T08:00:00.250Z')).toEqual([
      { next_run_at: '2037-01-01 16:00:00.250', later: 1 },
    ]);
    expect(await due('-03:30', '2024-06-01T08:00:00+02:00')).toEqual([
      { next_run_at: '2024-06-01 02:30:00.000', later: 0 },
    ]);
  });

  it('is now when it is absent', async () => {
    await insert([{ task_type: 'a' }]);
    expect(await all('due_at <= NOW(3) AS due, due_at > NOW(3) - INTERVAL 5 SECOND AS fresh')).toEqual([
      { due: 1, fresh: 1 },
    ]);
  });
});

describe('lanes', () => {
  it('are the same whatever the order of the requirements, and none is like an empty list', async () => {
    await insert([
      { task_type: 'a', required_capabilities: { proxy_support: true, browser: { b: 1, a: 2 } } },
      { task_type: 'a', required_capabilities: { browser: { a: 2, b: 1 }, proxy_support: true } },
      { task_type: 'a', required_capabilities: {} },
      { task_type: 'a' },
    ]);
    const lanes = (await all('HEX(lane) AS lane')).map((row) => row.lane);
    expect(lanes[0]).toBe(lanes[1]);
    expect(lanes[2]).toBe(lanes[3]);
    expect(lanes[0]).not.toBe(lanes[2]);
  });
});

function bound(target: Session, name: keyof Session): unknown {
  const value: unknown = target[name];
  return typeof value === 'function' ? value.bind(target) : value;
}
