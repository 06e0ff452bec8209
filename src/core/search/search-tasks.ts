// A page of tasks, as a list of the HTTP API shows it.
import type { Context } from '../context/context.ts';
import { type CutTask, readTasks } from '../db/search/task-rows.ts';
import type { TaskSearch } from '../db/search/task-search.ts';
import { CursorOf, isId } from '../paging/cursor.ts';
import { findTaskIds } from './find-ids.ts';
import type { Total } from './search-bounds.ts';

export type { CutTask, TaskSearch, Total };

export interface TaskPage {
  /** Newest first. */
  tasks: CutTask[];
  /** Where the list goes on; null = here it ends. */
  cursor: string | null;
  /** Set when the page is not full because its read was bounded: the search has come down to this id, and `cursor` continues it. */
  searched_to: number | null;
  /** Of the first page. */
  total: Total | null;
  /** ISO 8601: the database's time. */
  now: string;
}

/** @throws AfdError E_USAGE for a cursor that is none of this search; DatabaseError */
export async function searchTasks(
  context: Context,
  search: TaskSearch,
  { cursor: given, limit }: { cursor?: string | undefined; limit: number },
): Promise<TaskPage> {
  const cursor = new CursorOf('tasks', search, isId);
  const before = cursor.decode(given);
  const session = await context.session();
  const { ids, next, cut, total } = await findTaskIds(
    session,
    context,
    search,
    { before, limit },
    before === undefined,
  );
  const { now, tasks } = await readTasks(session, context.names, ids);
  return { tasks, cursor: next === null ? null : cursor.encode(next), searched_to: cut ? next : null, total, now };
}
