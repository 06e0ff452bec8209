// Invariant: a device id has one owner at a time. It is registered here only if no session lock and no valid lease of another
// instance holds it; the row is locked from that read to the write. The long lease of a device
// that may be silent keeps its tasks, not its id: it must be able to start again after a power loss. A plain client, which knows no instance, keeps the one that
// it was given. Index: device_id. Zero rows: the device is new.
import { isDuplicate } from '../database-error.ts';
import { isoToUtc, utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import type { RemoteRegistration, TakenId } from './remote-registration.ts';

/** @throws DatabaseError */
export async function registerBehindGateway(
  session: Session,
  names: TableNames,
  device: RemoteRegistration,
): Promise<TakenId> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction(session, () => take(session, names, device));
    } catch (error) {
      // Another process registered it in between: its row is there now.
      if (!isDuplicate(error) || tries > 3) throw error;
    }
  }
}

async function take(session: Session, names: TableNames, device: RemoteRegistration): Promise<TakenId> {
  const [clock, found] = (await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    {
      sql: `SELECT instance_token, version, operator_state, gateway_id,
              IS_USED_LOCK(COALESCE(lock_name, 'afd:none')) IS NOT NULL AS locked,
              status <> 'offline' AND IF(lease_until IS NULL OR offline_for IS NOT NULL,
                COALESCE(last_heartbeat > UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, 0),
                lease_until > UTC_TIMESTAMP(3)) AS alive
            FROM ${names.device} WHERE device_id = ? FOR UPDATE`,
      values: [Math.round(device.heartbeat_timeout_s * 1e6), device.device_id],
    },
  ])) as Row[][];
  const row = found?.[0];
  const now = String(clock?.[0]?.now);
  const same = row !== undefined && Number(row.locked) === 0 && isSame(row, device);
  if (row !== undefined && !same && (Number(row.locked) === 1 || Number(row.alive) === 1)) return { kind: 'running' };
  const former: Buffer | null = row?.instance_token ?? null;
  const instance_token = same && former !== null ? former : device.instance_token;
  const lease_until = isoToUtc(new Date(Date.parse(utcToIso(now) ?? '') + device.lease_s * 1000).toISOString());
  await write(session, names, { ...device, instance_token }, { now, lease_until, isNew: row === undefined });
  return {
    kind: 'taken',
    instance_token,
    same,
    former: former !== null,
    operator_state: row?.operator_state ?? 'active',
    lease_until,
    now,
  };
}

/** A version is what afd writes of its own processes: a plain client has none. */
function isSame(row: Row, device: RemoteRegistration): boolean {
  if (device.version !== null) return device.instance_token.equals(row.instance_token ?? Buffer.alloc(0));
  return row.version === null && row.gateway_id !== null && row.instance_token !== null;
}

async function write(
  session: Session,
  names: TableNames,
  device: RemoteRegistration,
  { now, lease_until, isNew }: { now: string; lease_until: string; isNew: boolean },
): Promise<void> {
  const { device_id, capabilities, labels, lease_s: _, heartbeat_timeout_s: __, ...plain } = device;
  const columns: Record<string, unknown> = {
    ...plain,
    capabilities: JSON.stringify(capabilities),
    labels: labels === null ? null : JSON.stringify(labels),
    ...{ ring_token: null, lock_name: null, lock_server: null, lock_taken_at: null },
    ...{ current_tasks: 0, recent_claims: 0, over_limits: null, stuck: null, status: 'online' },
    ...{ lease_until, last_heartbeat: now, updated_at: now },
  };
  const set = Object.keys(columns)
    .map((name) => `${name} = ?`)
    .join(', ');
  const values = Object.values(columns);
  if (isNew) await session.write(`INSERT INTO ${names.device} SET device_id = ?, ${set}`, [device_id, ...values]);
  else await session.write(`UPDATE ${names.device} SET ${set} WHERE device_id = ?`, [...values, device_id]);
}
