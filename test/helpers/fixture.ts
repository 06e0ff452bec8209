// What a test of the database begins with: an empty, migrated schema of its own, a session, and rows. The schema is emptied
// before each test, and its sessions are closed after the hooks of the test.
//   it('…', async ({ session, rows }) => …)                     for what one test needs
//   it.beforeEach(async ({ given }) => ({ db, session } = given))  for what helpers of the file share
import { test as base } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { insertDevice, insertLeader, insertRunning, insertTask, insertWorker, readTask } from './factories.ts';

type Bound<F> = F extends (session: Session, names: TestDatabase['names'], ...rest: infer R) => infer V
  ? (...rest: R) => V
  : never;

/** The factories, bound to the session of the test. */
function rowsOf(session: Session, { names }: TestDatabase) {
  const bind = <F extends (session: Session, names: TestDatabase['names'], ...rest: never[]) => unknown>(one: F) =>
    ((...rest: never[]) => one(session, names, ...rest)) as Bound<F>;
  return {
    task: bind(insertTask),
    device: bind(insertDevice),
    worker: bind(insertWorker),
    leader: bind(insertLeader),
    running: bind(insertRunning),
    readTask: bind(readTask),
  };
}

export interface Given {
  db: TestDatabase;
  session: Session;
  rows: ReturnType<typeof rowsOf>;
}

export const test = base.extend<Given & { given: Given }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern what a fixture needs
  db: async ({}, use) => {
    const db = await testDatabase();
    await use(db);
    await db.close();
  },
  session: async ({ db }, use) => use(await db.session()),
  rows: async ({ db, session }, use) => use(rowsOf(session, db)),
  given: async ({ db, session, rows }, use) => use({ db, session, rows }),
});
export const it = test;
