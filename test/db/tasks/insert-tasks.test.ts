import { expect } from 'vitest';
import { DatabaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { isReturnRefused } from '../../../src/core/db/tasks/insert-singly.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { NewTask } from '../../../src/core/domain/task/task.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

useDatabase();
const fleet = { maxRetryCount: 3 };
const insert = (tasks: NewTask[], options: Parameters<typeof insertTasks>[3] = fleet) =>
  insertTasks(session, names, tasks, options);
const keyed = (dedupe_key: string): NewTask => ({ task_type: 'sync_data', dedupe_key });
const all = (columns: string) => session.rows(`SELECT ${columns} FROM ${names.task} ORDER BY id`);
/** The session with other facts of its server, or other methods. */
const changed = (
  facts: object,
  methods: object = { write: session.write.bind(session), rows: session.rows.bind(session) },
) => {
  const one = Object.assign(Object.create(session) as Session, methods);
  return Object.defineProperty(one, 'facts', { value: { ...session.facts, ...facts } });
};

it('inserting tasks writes every column that is given, and the task whose handler asked for it', async () => {
  const plain = {
    ...{ task_type: 'sync_data', username: 'user@example.com', app_id: 'com.example.app' },
    ...{ start_date: '2024-01-01', end_date: '2024-01-31', priority: 7, estimated_duration: 60 },
    ...{ max_retry_count: 0, execution_timeout: 90, dedupe_key: 'k', concurrency_key: 'user@example.com' },
  };
  const required_capabilities = { proxy_support: true };
  const task_data = { text: `it's a "quote", a \\ and 早上好 🌞, or a question?` };
  const given = [{ ...plain, required_capabilities, task_data }];
  const [answer] = await insert(given, { maxRetryCount: 3, parentId: 77 });
  const [row] = await all('*');
  expect(answer).toEqual({ task_id: row?.id, created: true });
  expect(row).toMatchObject({ ...plain, status: 'pending', retry: 0, attempt: 0, parent_id: 77 });
  expect(JSON.parse(row?.required_capabilities)).toEqual(required_capabilities);
  expect(JSON.parse(row?.task_data)).toEqual(task_data);
});

it('inserting tasks makes of a bare task the row that a plain INSERT makes, but for the max_retry_count of the fleet', async () => {
  await session.write(`INSERT INTO ${names.task} (task_type) VALUES ('sync_apps')`);
  await insert([{ task_type: 'sync_apps' }], { maxRetryCount: 8 });
  const [plain, ours] = (await all('*')) as [Record<string, unknown>, Record<string, unknown>];
  const late = (row: Record<string, unknown>) =>
    Object.keys(row).filter((name) => /_at$/.test(name) && row[name] !== null);
  expect(late(ours)).toEqual(late(plain));
  for (const name of [...late(plain), 'id']) delete plain[name];
  expect(ours).toMatchObject({ ...plain, max_retry_count: 8 });
});

it('B7 inserting tasks tells the right id of each row, in input order, over several statements', async () => {
  const tasks = Array.from({ length: 1203 }, (_, n): NewTask => {
    const task = { task_type: 'a', task_data: { n } };
    return n % 3 === 0 ? task : { ...task, dedupe_key: `key ${(n * 7919) % 1203}` };
  });
  const answers = await insert(tasks);
  const placeOf = new Map((await all('id, task_data')).map((row) => [row.id, JSON.parse(row.task_data).n]));
  expect(placeOf.size).toBe(1203);
  expect(answers.map((one) => placeOf.get(one.task_id))).toEqual(tasks.map((_, n) => n));
  expect(answers.every((one) => one.created)).toBe(true);
});

it('B7 inserting tasks follows the step of a server that numbers in steps of seven', async () => {
  await session.write('SET SESSION auto_increment_increment = 7, auto_increment_offset = 3');
  const stepped = changed({ autoIncrementIncrement: 7 });
  const answers = await insertTasks(stepped, names, [keyed('c'), { task_type: 'a' }, keyed('b')], fleet);
  const idOf = new Map((await all('id, dedupe_key')).map((row) => [row.dedupe_key, row.id]));
  expect(answers.map((one) => one.task_id)).toEqual(['c', null, 'b'].map((key) => idOf.get(key)));
});

it('inserting tasks splits a bulk that is over max_allowed_packet and refuses a task that is', async () => {
  const small = changed({ maxAllowedPacket: 20_000 });
  const tasks = Array.from({ length: 20 }, (_, n) => ({ task_type: 'a', task_data: { n, text: '"'.repeat(1500) } }));
  const answers = await insertTasks(small, names, tasks, fleet);
  const rows = await all('id, task_data');
  expect(rows.map((row) => JSON.parse(row.task_data).n)).toEqual(tasks.map((_, n) => n));
  expect(answers.map((one) => one.task_id)).toEqual(rows.map((row) => row.id));
  const huge = { task_type: 'a', task_data: { text: 'x'.repeat(20_000) } };
  await expect(insertTasks(small, names, [huge], fleet)).rejects.toMatchObject({ code: 'E_USAGE' });
});

it('B8 dedupe keys leave a task that is there as it is: nothing is resurrected', async () => {
  const statuses = ['done', 'running', 'failed'];
  const before = await insert(statuses.map(keyed));
  await session.write(`UPDATE ${names.task} SET status = dedupe_key, retry = 2, priority = 9`);
  const rows = await all('*');
  const again = await insert(['failed', 'done', 'running'].map(keyed));
  expect(await all('*')).toEqual(rows);
  expect(again).toEqual([before[2], before[0], before[1]].map((one) => ({ ...one, created: false })));
});

it('C9 dedupe keys are one task when they are equal within one call, differ by case and accent, and never collide unset', async () => {
  const keys = ['com.App', 'com.app', 'com.äpp', 'com.app', null, null];
  const answers = await insert(keys.map((dedupe_key, n) => ({ task_type: 'a', dedupe_key, priority: n + 1 })));
  expect(answers.map((one) => one.created)).toEqual([true, true, true, false, true, true]);
  expect(answers[3]?.task_id).toBe(answers[1]?.task_id);
  expect((await all('priority')).map((row) => row.priority).sort()).toEqual([1, 2, 3, 5, 6]);
});

it('C8 dedupe keys complete a day whose creation was cut off half-way', async () => {
  const day = Array.from({ length: 1500 }, (_, n) => keyed(`2024-01-01/${n}`));
  const half = await insert(day.slice(400, 1100));
  const whole = await insert(day);
  expect(whole.filter((one) => one.created)).toHaveLength(800);
  expect(whole.slice(400, 1100)).toEqual(half.map((one) => ({ ...one, created: false })));
});

it("dedupe keys hold against eight sessions that enqueue the same and each other's keys at once: each is created once", async () => {
  const sessions = await Promise.all(Array.from({ length: 8 }, () => db.session()));
  const keys = Array.from({ length: 1200 }, (_, n) => `k${n}`);
  const answers = await Promise.all(
    sessions.map(async (one, s) => {
      // Overlapping, unordered parts, different in each session.
      const mine = keys.filter((_, n) => (n * 31 + s * 17) % 8 !== 0).sort(() => Math.random() - 0.5);
      const list = await transaction(one, () => insertTasks(one, names, mine.map(keyed), fleet));
      return list.map((answer, n) => ({ ...answer, key: mine[n] }));
    }),
  );
  const idOf = new Map((await all('id, dedupe_key')).map((row) => [row.dedupe_key, row.id]));
  expect(idOf.size).toBe(1200);
  for (const one of answers.flat()) expect(one.task_id).toBe(idOf.get(one.key));
  expect(answers.flat().filter((one) => one.created)).toHaveLength(1200);
});

/** On MariaDB, of an account that may not read the ids that it is given: one statement for each row. */
it.each([
  ['one statement', false],
  ['one statement for each row', true],
])(
  'dedupe keys see a key that another session commits between the read and the insert, by %s',
  async (_how, singly) => {
    const denied = new DatabaseError('E_DATABASE', 'no right', { errno: 1143, retry: 'final' });
    if (singly) isReturnRefused(session, denied);
    const other = await db.session();
    await other.write('START TRANSACTION');
    const [first] = await insertTasks(other, names, [keyed('m')], fleet);
    // The read finds nothing, the insert waits for the other session's row, and then gets 1062.
    const waiting = transaction(session, () => insert([keyed('a'), keyed('m'), keyed('z')]));
    await statementRuns(await db.session(), 'INSERT INTO%');
    await other.write('COMMIT');
    expect(await waiting).toMatchObject([{ created: true }, { ...first, created: false }, { created: true }]);
  },
);

it('G1 a database that refuses is not an empty answer', async () => {
  const lost = await db.session();
  lost.destroy();
  await expect(insertTasks(lost, names, [keyed('a')], fleet)).rejects.toMatchObject({ code: 'E_DATABASE' });
});

it('G2 rows that were not written are reported', async () => {
  const silent = changed({}, { write: async () => ({ affectedRows: 0, insertId: 0 }) });
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

it.for([
  ['+08:00', '2037-01-01T08:00:00.250Z', '2037-01-01 16:00:00.250', 1],
  ['-03:30', '2024-06-01T08:00:00+02:00', '2024-06-01 02:30:00.000', 0],
] as const)('E2 run_at is the same instant in a session of %s', async ([timeZone, run_at, next_run_at, later]) => {
  const one = await db.session({ timeZone });
  await insertTasks(one, names, [{ task_type: 'a', run_at }], fleet);
  const due = `SELECT CAST(next_run_at AS CHAR) AS next_run_at, due_at > NOW(3) AS later FROM ${names.task}`;
  expect(await one.rows(due)).toEqual([{ next_run_at, later }]);
});
