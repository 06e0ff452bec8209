// Invariant: a row written by an operator shows no life: a new one is offline and without heartbeat, and of an existing
// one only the given columns change. A live process is the only writer of its row: its session lock is held, or it is
// not offline and its heartbeat is fresh, and then nothing is written ('alive'). Index: device_id.
import { isDuplicate } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceByHand {
  device_id: string;
  device_name?: string | undefined;
  device_type?: 'master' | 'worker' | undefined;
  ip_address?: string | undefined;
  port?: number | undefined;
  capabilities?: Record<string, unknown> | undefined;
  max_concurrent_tasks?: number | undefined;
}

export const ALIVE = `(IS_USED_LOCK(COALESCE(lock_name, 'afd:none')) IS NOT NULL
  OR (status <> 'offline' AND COALESCE(lease_until > UTC_TIMESTAMP(3), 0))
  OR (status <> 'offline' AND COALESCE(last_heartbeat > UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, 0)))`;

/** @throws DatabaseError */
export async function registerByHand(
  session: Session,
  names: TableNames,
  device: DeviceByHand,
  options: { lockName: string; heartbeatTimeoutS: number },
): Promise<'created' | 'updated' | 'alive'> {
  const { device_id, capabilities, ...plain } = device;
  const given = Object.entries({
    ...plain,
    capabilities: capabilities === undefined ? undefined : JSON.stringify(capabilities),
  }).filter(([, value]) => value !== undefined);
  const timeoutUs = Math.round(options.heartbeatTimeoutS * 1e6);
  for (;;) {
    const set = given.map(([name]) => `${name} = ?, `).join('');
    const values = given.map(([, value]) => value);
    const updated = await session.write(
      `UPDATE ${names.device} SET ${set}updated_at = UTC_TIMESTAMP(3) WHERE device_id = ? AND NOT ${ALIVE}`,
      [...values, device_id, timeoutUs],
    );
    if (updated.affectedRows === 1) return 'updated';
    // A row may have come, or its holder gone, since the update read it: only a device that is alive now is a refusal.
    const [there] = await session.rows<{ alive: number }>(
      `SELECT ${ALIVE} AS alive FROM ${names.device} WHERE device_id = ?`,
      [timeoutUs, device_id],
    );
    if (there?.alive === 1) return 'alive';
    if (there !== undefined) continue;
    const row = { device_name: device_id, device_type: 'worker', ip_address: '', port: 0, capabilities: '{}' };
    const whole = { ...row, ...Object.fromEntries(given), device_id, lock_name: options.lockName };
    try {
      await session.write(
        `INSERT INTO ${names.device} (${Object.keys(whole).join(', ')}, status) VALUES (?, 'offline')`,
        [Object.values(whole)],
      );
      return 'created';
    } catch (error) {
      // Another process registered it in between: try again.
      if (!isDuplicate(error)) throw error;
    }
  }
}
