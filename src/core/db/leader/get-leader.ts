import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type FailingDuty, failingDuties } from './failing-duties.ts';

export interface LeaderRow {
  /** Who holds the lease now; null = there is no leader (never elected, resigned, or expired). */
  device_id: string | null;
  /** Who held it last, also when the lease has expired. */
  last_holder: string | null;
  term: number;
  acquired_at: string | null;
  renewed_at: string | null;
  expires_at: string | null;
  /** What it cannot do at this time; empty = nothing is known to fail. */
  failing: FailingDuty[];
}

/** Who leads, by the database's clock. Non-locking, by primary key. A missing row reads as "nobody, term 0". */
export async function getLeader(session: Session, names: TableNames): Promise<LeaderRow> {
  const [row] = await session.rows<Record<string, string | null> & { term: number; alive: number }>(
    `SELECT holder, term, acquired_at, renewed_at, expires_at, failing, COALESCE(expires_at > UTC_TIMESTAMP(3), 0) AS alive
     FROM ${names.leader} WHERE name = 'leader'`,
  );
  return {
    device_id: row?.alive === 1 ? (row.holder ?? null) : null,
    last_holder: row?.holder ?? null,
    term: Number(row?.term ?? 0),
    acquired_at: utcToIso(row?.acquired_at),
    renewed_at: utcToIso(row?.renewed_at),
    expires_at: utcToIso(row?.expires_at),
    failing: row?.alive === 1 ? failingDuties(row.failing, Number(row.term)) : [],
  };
}
