// Reads without a lock, by idx_device_type: each worker that is registered, whatever its state. Zero rows: no worker has ever
// registered, so that nothing can be said of any type.
import { capabilitiesOf } from '../device-values.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Task types that some worker handles, or handled when it was last there; undefined = there is no worker. */
export async function handledTypes(session: Session, names: TableNames): Promise<Set<string> | undefined> {
  const rows = await session.rows<{ capabilities: string | null }>(
    `SELECT DISTINCT capabilities FROM ${names.device} WHERE device_type = 'worker'`,
  );
  if (rows.length === 0) return undefined;
  return new Set(rows.flatMap(({ capabilities }) => capabilitiesOf(capabilities).supported_tasks ?? []));
}
