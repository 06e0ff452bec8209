// Who did what to a task, also before its first attempt.
import type { Context } from '../context/context.ts';
import { objectActs } from '../db/audit/object-acts.ts';
import { DatabaseError } from '../db/database-error.ts';
import { utcToIso } from '../db/rows.ts';

export interface TaskAct {
  /** Of the row of the audit log. */
  id: number;
  /** ISO 8601. */
  at: string;
  actor: string;
  /** IP address of the client; null = a command. */
  source: string | null;
  /** Such as `tasks.cancel`. */
  action: string;
  reason: string | null;
  /** `asked`: its device was asked to do it. */
  outcome: string;
  request_id: string;
}

export interface TaskActs {
  /** Newest first; null = not shown. */
  acts: TaskAct[] | null;
  /** There are earlier ones. */
  more_acts: boolean;
  /** Why none are shown. */
  acts_note: string | null;
}

/** Acts that are shown. */
export const MOST_ACTS = 20;

/** A reader without a right to the audit log gets everything else. @throws DatabaseError */
export async function taskActs(context: Context, taskId: number): Promise<TaskActs> {
  const session = await context.session();
  const task = { object_type: 'task', object_id: String(taskId) };
  try {
    const rows = await objectActs(session, context.names, task, MOST_ACTS + 1);
    const acts = rows.slice(0, MOST_ACTS).map(({ at, ...row }) => ({ ...row, at: utcToIso(at)! }));
    return { acts, more_acts: rows.length > MOST_ACTS, acts_note: null };
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== 'E_FORBIDDEN') throw error;
    return actsNotShown('this account may not read the audit log');
  }
}

/** `why`: words that follow "not shown: ". */
export function actsNotShown(why: string): TaskActs {
  return { acts: null, more_acts: false, acts_note: `not shown: ${why}` };
}
