// Invariant: counts the whole task table, so only for one that was made for a measurement. No lock. Zero rows cannot be: an
// aggregate always answers. `done` counts tasks, `attempts` their completed attempts: equal when each ran once.
import { stateIn, stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface Ended {
  unfinished: number;
  done: number;
  attempts: number;
}

/** @throws DatabaseError */
export async function countEnded(session: Session, names: TableNames): Promise<Ended> {
  const [row] = await session.rows<Ended>(
    `SELECT (SELECT COUNT(*) FROM ${names.task} WHERE ${stateIn('pending', 'running', 'assigned', 'waiting')}) AS unfinished,
            (SELECT COUNT(*) FROM ${names.task} WHERE ${stateIs('done')}) AS done,
            (SELECT COUNT(*) FROM ${names.assignment} WHERE status = 'completed') AS attempts`,
  );
  return row ?? { unfinished: 0, done: 0, attempts: 0 };
}
