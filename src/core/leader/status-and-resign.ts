// The use cases behind `afd leader status` and `afd leader resign`: the lease as any user may read it, and an
// operator's wish for another leader.
import type { Context } from '../context/context.ts';
import { getLeader, type LeaderRow } from '../db/leader/get-leader.ts';
import { resignLeader } from '../db/leader/resign-leader.ts';
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
  if (!(await resignLeader(session, context.names, { device_id, term }))) {
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
