// Invariant: one row per dedupe key for as long as that row lives; a row that exists is never changed (so creating
// today's tasks again resurrects nothing); all rows are in, or the statement's transaction says so by throwing.
// Index: afd_dedupe. Zero affected rows never happen: fewer than sent is a bug (E_INTERNAL).
// Keys go in sorted, so that two sessions wait for each other in one direction only; plain INSERT, because ON DUPLICATE
// KEY burns ids and cannot tell old from new, and INSERT IGNORE hides bad data.
import mysql from 'mysql2';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { AfdError } from '../../domain/errors.ts';
import { checkNewTasks } from '../../domain/new-task.ts';
import type { NewTask } from '../../domain/task.ts';
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface InsertTasksOptions {
  /** The fleet's master.max_retry_count, written when a task names none. */
  maxRetryCount: number;
  /** The task whose handler enqueued these. */
  parentId?: number;
}

export interface InsertedTask {
  task_id: number;
  /** False: a task with this dedupe_key was there already (or came earlier in the same call) and is untouched. */
  created: boolean;
}

const CHUNK = 500;
const DUPLICATE = 1062;
/** Each round waits for another session's commit; more than so many means that the duplicate is not a dedupe key. */
const ROUNDS = 20;

/**
 * Inserts inside the caller's transaction, or statement by statement without one. One answer per task, in input order.
 * The caller repeats its whole transaction on 1213 and 1205, as `transaction()` does.
 * @throws AfdError E_USAGE when a task is not valid: nothing was sent
 * @throws DatabaseError
 */
export async function insertTasks(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: InsertTasksOptions,
): Promise<InsertedTask[]> {
  checkNewTasks(tasks);
  const answers = new Array<InsertedTask>(tasks.length);
  const byKey = new Map<string, number[]>();
  const keyless: number[] = [];
  tasks.forEach((task, index) => {
    if (typeof task.dedupe_key !== 'string') keyless.push(index);
    else byKey.set(task.dedupe_key, [...(byKey.get(task.dedupe_key) ?? []), index]);
  });
  const rowOf = (index: number) => row(tasks[index] as NewTask, options);
  for (const chunk of chunksOf(session, keyless.map(rowOf))) {
    const ids = await insertRows(session, names, chunk);
    for (const task_id of ids) answers[keyless.shift() as number] = { task_id, created: true };
  }
  let missing = [...byKey.keys()].sort();
  const known = (found: Map<string, number>, created: boolean) => {
    for (const [key, task_id] of found) {
      (byKey.get(key) ?? []).forEach((index, n) => {
        answers[index] = { task_id, created: created && n === 0 };
      });
    }
    missing = missing.filter((key) => !found.has(key));
  };
  known(await existing(session, names, missing), false);
  for (let round = 1; missing.length > 0; ) {
    const keys = missing;
    const [chunk] = chunksOf(session, keys.map((key) => rowOf(byKey.get(key)?.[0] as number))) as [InsertRow[]];
    try {
      const ids = await insertRows(session, names, chunk);
      known(new Map(ids.map((task_id, n) => [keys[n] as string, task_id])), true);
    } catch (error) {
      // 1062 undoes the statement only. Somebody was faster: what is there now is the answer.
      if (!(error instanceof DatabaseError && error.errno === DUPLICATE) || round > ROUNDS) throw error;
      round += 1;
      known(await existing(session, names, keys.slice(0, chunk.length)), false);
    }
  }
  return answers;
}
