// Reads without a lock, by the unique key device_id (equal without regard to case). Zero rows: no device begins so.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Ids that begin with these characters, the exact one first; at most `limit`. @throws DatabaseError */
export async function findDeviceIds(session: Session, names: TableNames, start: string, limit = 20): Promise<string[]> {
  const pattern = `${start.replace(/[\\%_]/g, '\\$&')}%`;
  const rows = await session.rows<{ device_id: string }>(
    `SELECT device_id FROM ${names.device} WHERE device_id LIKE ? ORDER BY device_id = ? DESC, device_id LIMIT ?`,
    [pattern, start, limit],
  );
  return rows.map((row) => row.device_id);
}
