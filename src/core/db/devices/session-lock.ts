// The session lock of a device: GET_LOCK on the liveness connection. Free = that connection is gone.
import { createHash } from 'node:crypto';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * The schema as the server spells it. Where names have no case (lower_case_table_names = 1) afd.yaml may spell it in two
 * ways, and two spellings would be two locks for one device. @throws DatabaseError
 */
export async function schemaName(session: Session): Promise<string> {
  const [row] = await session.rows<{ name: string }>('SELECT DATABASE() AS name');
  return row!.name;
}

/** `schema`: see schemaName. Lock names are server-wide and at most 64 characters on MySQL, hence a hash of schema, prefix and device id. */
export function lockName(schema: string, prefix: string, deviceId: string): string {
  const digest = createHash('sha256').update(`${schema}|${prefix}|${deviceId.toLowerCase()}`).digest('hex');
  return `afd:${digest.slice(0, 40)}`;
}

/** @throws DatabaseError */
export async function releaseSessionLock(session: Session, name: string): Promise<void> {
  await session.rows('SELECT RELEASE_LOCK(?)', [name]);
}

/** Takes the lock, waiting at most `waitS` seconds (less than the session's call deadline). False = held by another. */
export async function takeSessionLock(session: Session, name: string, waitS: number): Promise<boolean> {
  const [row] = await session.rows('SELECT GET_LOCK(?, ?) AS got', [name, waitS]);
  return row?.got === 1;
}

export interface Holder {
  /** The process that registered under the id last: its address, and `since` when. */
  ip_address: string;
  host_name: string | null;
  pid: number | null;
  /** Null = it is behind a gateway, and has no lock. */
  since: string | null;
  fresh: boolean;
  /** It is behind a gateway, under a lease that is valid. */
  leased: boolean;
  /** It was online a moment ago, with its lock on another server: that it is free here says nothing yet. */
  moved: boolean;
}

/** Which process is registered under a device id, and whether its heartbeat is younger than `timeoutS`. No row = none. */
export async function lockHolder(
  session: Session,
  names: TableNames,
  deviceId: string,
  timeoutS: number,
): Promise<Holder | undefined> {
  const [row] = await session.rows(
    `SELECT ip_address, host_name, pid, lock_taken_at AS since,
            COALESCE(last_heartbeat > UTC_TIMESTAMP(3) - INTERVAL ? SECOND, 0) AS fresh,
            status <> 'offline' AND COALESCE(lease_until > UTC_TIMESTAMP(3), 0) AS leased,
            status <> 'offline' AND COALESCE(lock_server <> ?, 0) AS elsewhere
     FROM ${names.device} WHERE device_id = ?`,
    [timeoutS, session.facts.serverName, deviceId],
  );
  if (row === undefined) return undefined;
  const { elsewhere, ...holder } = row;
  const fresh = row.fresh === 1;
  // A server that is configured alone is the same one, whatever it is called now.
  const moved = fresh && elsewhere === 1 && session.options.writer !== undefined;
  return { ...holder, fresh, leased: row.leased === 1, moved } as Holder;
}
