import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';

/**
 * Ends another connection of this account that is idle, so that the server rolls back what it left open. Needs no
 * privilege: a connection of another account is not seen. False = it is gone, or busy with a statement.
 * @throws DatabaseError
 */
export async function cutIdleSession(session: Session, connectionId: number): Promise<boolean> {
  const [found] = await session.rows(
    `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND = 'Sleep' AND USER = SUBSTRING_INDEX(USER(), '@', 1)`,
    [connectionId],
  );
  if (found === undefined) return false;
  try {
    await session.write(`KILL CONNECTION ${Math.trunc(connectionId)}`);
    return true;
  } catch (error) {
    // 1094: it has ended in between.
    if (error instanceof DatabaseError && error.errno === 1094) return false;
    throw error;
  }
}
