import { repairAttempts } from '../claim/repair-attempts.ts';
import { materializeAttempts } from '../claim/statements.ts';
import { isDuplicate } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * Writes the rows of these tasks' inline claims, under their locks; where the task table was emptied and its ids repeat,
 * under the next free number. Returns how many: a task that bears no claim is left alone. @throws DatabaseError
 */
export async function insertFromInline(
  session: Session,
  names: TableNames,
  taskIds: number[],
  as: Parameters<typeof materializeAttempts>[2],
): Promise<number> {
  // A refused statement for one row leaves nothing anywhere.
  const parts = session.facts.sendsFailedRows ? taskIds.map((id) => [id]) : [taskIds];
  let rows = 0;
  for (const ids of parts) {
    const { sql, values } = materializeAttempts(names, ids, as);
    const insert = async () => (await session.write(sql, values)).affectedRows;
    rows += await insert().catch(async (error: unknown) => {
      // A duplicate key undoes its statement alone, not the transaction.
      if (!isDuplicate(error)) throw error;
      await repairAttempts(session, names, ids);
      return insert();
    });
  }
  return rows;
}
