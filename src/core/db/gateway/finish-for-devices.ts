// Ends of attempts of several devices behind a gateway, in one transaction: as in finish-and-claim.ts, the locks of batch 1 decide
// which of them are still their owner's, and batch 2 writes those by id and claim token. Each attempt has its row. Locks by
// PRIMARY, in the order of ids: tasks, then attempts.
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { assertCounts } from '../claim/assert-counts.ts';
import { finishLocks, reconcileFinishes } from '../claim/reconcile-finishes.ts';
import { BEGIN, COMMIT } from '../claim/statements.ts';
import type { TextWidths } from '../claim/text-widths.ts';
import { endStatements } from '../claim/write-batch.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { rollback } from '../transaction.ts';

export interface FinishForDevices {
  /** Each task once. Without follow-up tasks. */
  finishes: Finish[];
  policy: { maxRetryCount: number; backoff: (retry: number) => number };
  widths: TextWidths;
}

/** No row of this transaction names its owner: only that of a deferred claim, which begins with its end, would. */
const NOBODY = { device_id: '', instance_token: Buffer.alloc(0) };

/**
 * Undefined = one of them is a deferred claim, so that nothing was written: each device must end its attempts itself.
 * @throws DatabaseError: rolled back, unless its outcome is unknown
 */
export async function finishForDevices(
  session: Session,
  names: TableNames,
  { finishes, policy, widths }: FinishForDevices,
): Promise<Reconciled[] | undefined> {
  const sorted = [...finishes].sort((a, b) => a.task_id - b.task_id);
  try {
    const locked = await session.batch([BEGIN, ...finishLocks(names, sorted)]);
    const owner = { ...NOBODY, widths };
    const outcomes = await reconcileFinishes(session, names, { ...owner, policy }, sorted, locked.slice(1));
    if (outcomes.lostRows.length > 0 || outcomes.accepted.some((one) => one.record.assignment_id === null)) {
      await rollback(session);
      return undefined;
    }
    const statements = endStatements(names, { ...owner, now: outcomes.now }, outcomes.accepted);
    const results = await session.batch([...statements, COMMIT]);
    assertCounts(statements, results);
    return outcomes.reconciled;
  } catch (error) {
    await rollback(session);
    throw error;
  }
}
