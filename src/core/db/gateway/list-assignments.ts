// Attempts, the newest first, by keyset: entries behind the last of those before. Non-locking. Without a device
// by PRIMARY, with one by idx_device_id, whose entries of one status are in the order of ids. Zero rows: the end.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface ListedAssignment {
  assignment_id: number;
  task_id: number;
  device_id: string;
  status: string;
  assigned_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  attempt: number | null;
}

export interface AssignmentRange {
  limit: number;
  /** Only older ones than this id. */
  after?: number | undefined;
  device_id?: string | undefined;
  /** With a device, or one of the two open ones, which are as many as the fleet has slots. */
  status?: string | undefined;
}

/** @throws DatabaseError */
export async function listAssignments(
  session: Session,
  names: TableNames,
  { limit, after, device_id, status }: AssignmentRange,
): Promise<ListedAssignment[]> {
  const index = device_id !== undefined ? 'idx_device_id' : status !== undefined ? 'idx_status' : 'PRIMARY';
  const where = [
    ...(device_id === undefined ? [] : ['device_id = ?']),
    ...(status === undefined ? [] : ['status = ?']),
    ...(after === undefined ? [] : ['id < ?']),
  ];
  const rows = await session.rows<ListedAssignment>(
    `SELECT id AS assignment_id, task_id, device_id, status, assigned_at, started_at, completed_at, attempt
     FROM ${names.assignment} FORCE INDEX (${index}) ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
     ORDER BY id DESC LIMIT ${limit}`,
    [device_id, status, after].filter((value) => value !== undefined),
  );
  return rows.map((row) => ({
    ...row,
    assigned_at: utcToIso(row.assigned_at),
    started_at: utcToIso(row.started_at),
    completed_at: utcToIso(row.completed_at),
  }));
}
