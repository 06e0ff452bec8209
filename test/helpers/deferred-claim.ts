import { randomBytes } from 'node:crypto';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { type DeviceRow, insertTask } from './factories.ts';

/** A running task whose attempt has no row yet: the facts are on the task. `columns` overrides anything. */
export async function insertDeferredClaim(
  session: Session,
  names: TableNames,
  device: DeviceRow,
  columns: Record<string, unknown> = {},
): Promise<{ task_id: number; claim_token: Buffer }> {
  const claim_token = randomBytes(16);
  const [now] = await session.rows<{ at: string; deadline: string }>(
    'SELECT UTC_TIMESTAMP(3) AS at, UTC_TIMESTAMP(3) + INTERVAL 30 MINUTE AS deadline',
  );
  const task_id = await insertTask(session, names, {
    ...{ status: 'running', attempt: 1, claim_token, claimed_by: device.device_id },
    ...{ claim_instance: device.instance_token, claimed_at: now!.at, claim_deadline: now!.deadline, ...columns },
  });
  return { task_id, claim_token };
}
