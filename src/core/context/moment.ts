import { databaseNowMs } from '../db/rows.ts';
import type { Session } from '../db/session.ts';

/** A moment as a user wrote it. What is relative is relative to the database's clock, never to this machine's. */
export type When = { at: string } | { from_now_s: number } | { days_from_today: number };

/** ISO 8601 UTC. A day begins at midnight UTC. @throws DatabaseError */
export async function momentOf(session: Session, when: When): Promise<string> {
  return 'at' in when ? when.at : momentFrom(await databaseNowMs(session), when);
}

/** The same for many moments, with one read of the database's clock: `now` in milliseconds since 1970. */
export function momentFrom(now: number, when: When): string {
  if ('at' in when) return when.at;
  if ('from_now_s' in when) return new Date(now + when.from_now_s * 1000).toISOString();
  const day = 86_400_000;
  return new Date((Math.floor(now / day) + when.days_from_today) * day).toISOString();
}
