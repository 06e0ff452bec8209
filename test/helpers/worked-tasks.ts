// Workers over the schema of a test, and what becomes of their tasks. Workers end with the test.
import type { Session } from '../../src/core/db/session.ts';
import { insertTask, readDevice, readRow } from './factories.ts';
import { type Given, it as given } from './fixture.ts';
import { startWorker, stopWorkers, type TestWorker, type TestWorkerOptions } from './node.ts';
import { once, until } from './wait.ts';

type Send = Session['batch'];

/** For `onSession`: each batch goes through `pass`. */
export const batchesThrough =
  (pass: (statements: Parameters<Send>[0], send: Send, session: Session) => ReturnType<Send>) =>
  (session: Session): void => {
    const send = session.batch.bind(session);
    session.batch = (statements) => pass(statements, send, session);
  };

/** Runs until its signal aborts. */
export const hang = (_: unknown, { signal }: { signal: AbortSignal }) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

export const eventsOf = ({ seen }: TestWorker, name: string) => seen.filter((one) => one.name === name);

/** As many ticks later, in which the worker saw what is due. */
export async function heartbeats(worker: TestWorker, n: number): Promise<void> {
  for (let at = 0; at < n; at += 1) await once(worker.events, 'device:heartbeat');
}

function workOf({ db, session }: Given) {
  const { names } = db;
  const task = async (id: number) => (await readRow(session, names.task, id))!;
  const add = (columns: Record<string, unknown> = {}) => insertTask(session, names, { task_type: 't', ...columns });
  return {
    ...{ db, session, names, task, add },
    start: (options: TestWorkerOptions = {}) => startWorker(db, options),
    async addMany(n: number, columns: Record<string, unknown> = {}): Promise<number[]> {
      const ids: number[] = [];
      while (ids.length < n) ids.push(await add(columns));
      return ids;
    },
    attempts: (id: number) =>
      session.rows(`SELECT * FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]),
    device: async (id = 'w1') => (await readDevice(session, names, id))!,
    /** Returns when each task has that status. */
    async ended(ids: number | number[], status = 'done'): Promise<void> {
      for (const id of [ids].flat())
        await until(async () => (await task(id)).status === status, 20_000, `task ${id} ${status}`);
    },
    count: async (what: string) => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${what}`))[0]!.n),
  };
}
export type Work = ReturnType<typeof workOf>;

export const it = given.extend<{ work: Work }>({
  work: async ({ given }, use) => {
    await use(workOf(given));
    await stopWorkers();
  },
});
