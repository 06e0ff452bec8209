// Devices at which due tasks are directed. Non-locking; status 'assigned' by afd_claim: as many entries as there are directed
// tasks, which the leader returns where their device is away. Zero rows: none is due.
import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Entries that are read at most. */
const MOST = 5000;

/** @throws DatabaseError */
export async function dueDirected(session: Session, names: TableNames): Promise<string[]> {
  const rows = await session.rows<{ device_id: string }>(
    `SELECT DISTINCT target_device_id AS device_id
     FROM (SELECT target_device_id FROM ${names.task} FORCE INDEX (afd_claim)
           WHERE ${stateIs('assigned')} AND target_device_id IS NOT NULL AND due_at <= NOW(3) LIMIT ${MOST}) directed`,
  );
  return rows.map((row) => row.device_id);
}
