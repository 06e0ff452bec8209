// Invariant: one row per dedupe key for as long as that row lives, and a row that is there is never changed: creating
// today's tasks again resurrects nothing. Index: afd_dedupe. Keys go in sorted: sessions wait in one direction only.
// Plain INSERT: ON DUPLICATE KEY burns ids and cannot tell old from new under FOUND_ROWS, INSERT IGNORE hides bad data.
import { checkNewTasks } from '../../domain/task/new-task.ts';
import type { NewTask } from '../../domain/task/task.ts';
import { isDuplicate, Overtaken } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { findDedupeKeys } from './find-dedupe-keys.ts';
import { refusedRowsStay } from './insert-singly.ts';
import { type InsertTasksOptions, insertTaskRows } from './insert-task-batch.ts';

export interface InsertedTask {
  task_id: number;
  /** False: a task with this dedupe_key was there before (or came earlier in the same call) and is untouched. */
  created: boolean;
}

const CHUNK = 500;
/** A duplicate is another session's commit; this many in one call come from an index that is not ours. */
const RETRIES = 50;
const OURS = /afd_dedupe/;

/**
 * Inserts within the caller's transaction (begins and commits nothing); one answer per task, in input order.
 * 1213, 1205 and `Overtaken` are the caller's to repeat as a whole, as `transaction()` does.
 * @throws AfdError E_USAGE when a task is not valid: nothing has been sent then
 * @throws DatabaseError
 */
export async function insertTasks(
  session: Session,
  names: TableNames,
  given: NewTask[],
  options: InsertTasksOptions,
): Promise<InsertedTask[]> {
  const tasks = checkNewTasks(given);
  const answers = new Array<InsertedTask>(tasks.length);
  const at = (index: number) => tasks[index]!;
  const insert = (indexes: number[]) => insertTaskRows(session, names, indexes.map(at), options);
  const { places, keyless } = indexByKey(tasks);
  let refused = 0;
  const answer = (key: string, task_id: number, created: boolean) => {
    for (const [n, index] of places.get(key)!.entries()) answers[index] = { task_id, created: created && n === 0 };
  };
  for (const part of chunks(keyless)) {
    const ids = await insert(part);
    for (const [n, index] of part.entries()) answers[index] = { task_id: ids[n]!, created: true };
  }
  for (let missing of chunks([...places.keys()].sort())) {
    while (missing.length > 0) {
      const found = await findDedupeKeys(session, names, missing, options.piggybacked);
      for (const [key, task_id] of found) answer(key, task_id, false);
      missing = missing.filter((key) => !found.has(key));
      try {
        const ids = await insert(missing.map((key) => places.get(key)![0]!));
        for (const [n, key] of missing.entries()) answer(key, ids[n]!, true);
        break;
      } catch (error) {
        if (!isDuplicate(error) || ++refused > RETRIES) throw error;
        // Only this one statement is undone: another session was faster, so try again.
        if (refusedRowsStay(session)) throw OURS.test(error.message) ? new Overtaken(error) : error;
      }
    }
  }
  return answers;
}

function indexByKey(tasks: NewTask[]): { places: Map<string, number[]>; keyless: number[] } {
  const places = new Map<string, number[]>();
  const keyless: number[] = [];
  for (const [index, { dedupe_key: key }] of tasks.entries()) {
    if (key === null || key === undefined) keyless.push(index);
    else places.set(key, [...(places.get(key) ?? []), index]);
  }
  return { places, keyless };
}

function chunks<T>(list: T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / CHUNK) }, (_, n) => list.slice(n * CHUNK, (n + 1) * CHUNK));
}
