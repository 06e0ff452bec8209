// The use cases behind `afd leader status` and `afd leader resign`: the lease as any user may read it, and an
// operator's wish for another leader.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { lockAuditHead } from '../db/audit/append-audit.ts';
import { getLeader, type LeaderRow } from '../db/leader/get-leader.ts';
import { resignLeader } from '../db/leader/resign-leader.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';

export type LeaderStatus = LeaderRow;

export interface ResignResult {
  /** False = there was no leader. */
  resigned: boolean;
  /** Who led until now. */
  device_id: string | null;
  /** The term that ended. */
  term: number;
}

/** @throws DatabaseError */
export async function leaderStatus(context: Context): Promise<LeaderStatus> {
  return getLeader(await context.session(), context.names);
}

/**
 * Takes the lease from the current leader. The holder learns it by its next renewal and stands back for one lease, so
 * that another contender takes it; a lone one leads again after that. `expect`: the leader as it was seen.
 * @throws AfdError E_CONFLICT when leadership changed in that moment, DatabaseError
 */
export async function resignLeadership(
  context: Context,
  by: Actor,
  expect: { device_id?: string | undefined; term?: number | undefined } = {},
): Promise<ResignResult> {
  const session = await context.session();
  const { device_id, term } = await getLeader(session, context.names);
  // What is written below is written only for this holder and this term.
  if ((expect.device_id ?? device_id) !== device_id || (expect.term ?? term) !== term) {
    const who = device_id === null ? 'nobody leads' : `${device_id} leads`;
    throw new AfdError('E_CONFLICT', `The leader has changed: ${who} (term ${term}).`, {
      suggestions: ['afd leader status'],
      data: { device_id, term },
    });
  }
  if (device_id === null) return { resigned: false, device_id: null, term };
  const { names } = context;
  const resigned = await audited(
    { session, names },
    by,
    async () => {
      // First: nobody waits for it with the leader's row locked, which would hold off its renewal.
      await lockAuditHead(session, names);
      return resignLeader(session, names, { device_id, term });
    },
    (done) => (done ? entryOf({ device_id, term }) : undefined),
  );
  if (!resigned) {
    throw new AfdError(
      'E_CONFLICT',
      `${device_id} stopped leading term ${term} before it could be made to step down.`,
      {
        suggestions: ['afd leader status'],
        data: { device_id, term },
      },
    );
  }
  return { resigned: true, device_id, term };
}

function entryOf({ device_id, term }: { device_id: string; term: number }): AuditEntry {
  return { action: 'leader.resign', object_type: 'leader', object_id: device_id, before: { device_id, term } };
}
