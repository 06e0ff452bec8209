import type { Session } from '../session.ts';
import { RETURN_TICKET } from './statements.ts';

/** After a claim that failed and was rolled back: the connection is destroyed where that fails too, and the ticket goes with it. */
export async function returnTicket(session: Session): Promise<void> {
  if (!session.alive) return;
  try {
    await session.batch([RETURN_TICKET]);
  } catch {
    session.destroy();
  }
}
