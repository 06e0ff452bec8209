import { DatabaseError } from '../db/database-error.ts';
import type { Session } from '../db/session.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';

/** A planned switchover takes up to two seconds. */
const WAIT_MS = 5000;
const PAUSE_MS = 50;

/** Opens the session of a command, also in the moment in which the members have no writer. @throws DatabaseError */
export async function waitForWriter(session: Session): Promise<void> {
  const until = monotonic() + WAIT_MS;
  for (;;) {
    try {
      await session.ready();
      return;
    } catch (error) {
      const none = error instanceof DatabaseError && error.driverCode === 'AFD_NO_WRITER';
      if (!none || monotonic() >= until) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
