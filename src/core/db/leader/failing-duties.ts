import { databaseNowMs, fromJson } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { Lease } from './assert-leader.ts';

/** A duty that fails at this time. */
export interface FailingDuty {
  duty: string;
  message: string;
  /** ISO 8601 UTC. */
  since: string;
}

const MOST_CHARACTERS = 500;

/**
 * Overwrites what the leader of this term cannot do; an empty list = everything works. `for_ms`: how long each has been
 * failing. One row by PRIMARY, and only of this very term, so it needs no fence. Zero rows (false) = the term is over.
 */
export async function writeFailingDuties(
  session: Session,
  names: TableNames,
  lease: Lease,
  failing: Array<{ duty: string; message: string; for_ms: number }>,
): Promise<boolean> {
  const now = await databaseNowMs(session);
  const duties = failing.map(({ duty, message, for_ms }): FailingDuty => {
    const since = new Date(now - for_ms).toISOString();
    return { duty, message: message.slice(0, MOST_CHARACTERS), since };
  });
  const document = duties.length === 0 ? null : JSON.stringify({ term: lease.term, duties });
  const result = await session.write(
    `UPDATE ${names.leader} SET failing = ? WHERE name = 'leader' AND holder = ? AND term = ?`,
    [document, lease.holder, lease.term],
  );
  return result.affectedRows === 1;
}

/** What the column says of this term; another term's is over. */
export function failingDuties(text: string | null | undefined, term: number): FailingDuty[] {
  const document = fromJson(text) as { term?: unknown; duties?: unknown } | null;
  if (typeof document !== 'object' || document?.term !== term || !Array.isArray(document.duties)) return [];
  return document.duties as FailingDuty[];
}
