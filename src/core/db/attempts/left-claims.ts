import { LOST_BECAUSE } from '../../domain/attempt/lost.ts';
import { NO_INLINE_CLAIM } from '../claim/inline-claim.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { insertFromInline } from './insert-from-inline.ts';

/** Task rows read per check, around each of the two places. */
const READ = 5000;

/** Another program ended or reset the task, or took the token away. */
const FOREIGN = "claimed_by IS NOT NULL AND (NOT (status <=> 'running') OR claim_token IS NULL)";

/**
 * Tasks that still have the inline claim columns of this device, although another program has ended or reset them. No
 * index finds them (one on claimed_by would cost each claim an entry), so two bounded ranges of PRIMARY are read: the
 * newest tasks, and those around what the device ended last. What is not found here is materialized when it is next
 * claimed, retried or cancelled. Non-locking; zero rows = none there.
 */
export async function leftClaims(session: Session, names: TableNames, deviceId: string): Promise<number[]> {
  const newest = `(SELECT id, task_id FROM ${names.assignment} FORCE INDEX (idx_device_id)
    WHERE device_id = ? AND status = ? ORDER BY id DESC LIMIT 1)`;
  const statuses = ['completed', 'failed', 'timeout', 'lost'];
  const [places] = await session.rows<{ last: number | null; near: number | null }>(
    `SELECT (SELECT MAX(id) FROM ${names.task}) AS last,
       (SELECT task_id FROM (${statuses.map(() => newest).join(' UNION ALL ')}) ended ORDER BY id DESC LIMIT 1) AS near`,
    statuses.flatMap((status) => [deviceId, status]),
  );
  const last = Number(places?.last ?? 0);
  const near = Number(places?.near ?? last);
  const rows = await session.rows<{ id: number }>(
    [0, 1]
      .map(
        () => `SELECT id FROM ${names.task} FORCE INDEX (PRIMARY)
          WHERE id > ? AND id <= ? AND claimed_by = ? AND ${FOREIGN}`,
      )
      .join(' UNION '),
    [last - READ, last, deviceId, near - READ / 2, near + READ / 2, deviceId],
  );
  return rows.map((row) => row.id).sort((a, b) => a - b);
}

/**
 * Materializes the attempts of such claims as lost to another program, and clears the inline claim columns; the tasks
 * stay as that program left them. Inside a transaction; locks the tasks by PRIMARY in the order of their ids, SKIP
 * LOCKED. Returns how many; one that was claimed again or materialized meanwhile is left alone. @throws DatabaseError
 */
export async function closeLeftClaims(session: Session, names: TableNames, taskIds: number[]): Promise<number> {
  const locked = await session.rows<{ id: number }>(
    `SELECT id FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id IN (?) AND ${FOREIGN} ORDER BY id FOR UPDATE SKIP LOCKED`,
    [taskIds],
  );
  if (locked.length === 0) return 0;
  const ids = locked.map((one) => one.id);
  const error_message = `its device ${LOST_BECAUSE.foreign}`;
  await insertFromInline(session, names, ids, { status: 'lost', cause: 'foreign', error_message });
  await session.write(`UPDATE ${names.task} SET ${NO_INLINE_CLAIM} WHERE id IN (?) AND claimed_by IS NOT NULL`, [ids]);
  return ids.length;
}
