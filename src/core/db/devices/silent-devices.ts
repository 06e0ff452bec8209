import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface SilentDevice {
  device_id: string;
  instance_token: Buffer | null;
  last_heartbeat: string | null;
  /** Seconds since its last heartbeat, by the database's clock. */
  silent_s: number;
}

export interface Silence {
  silent: SilentDevice[];
  /** Devices that are not offline, the silent ones among them. */
  online: number;
  /** The database's clock, in milliseconds since 1970. */
  database_ms: number;
  /** Seconds that the server has been up. */
  uptime_s: number;
}

/**
 * Devices that are not offline (busy ones too) and sent no heartbeat for `timeoutS`, with what is needed to judge
 * whether that is their fault. A device behind a gateway that may be silent for longer (`offline_for`) has a lease until then. Non-locking; reads the whole device table. No silent rows = all are well.
 */
export async function silentDevices(session: Session, names: TableNames, timeoutS: number): Promise<Silence> {
  const rows = await session.rows<SilentDevice & { online: number; database_us: number; uptime_us: number }>(
    `SELECT d.device_id, d.instance_token, d.last_heartbeat, f.online, f.database_us, f.uptime_us,
       TIMESTAMPDIFF(MICROSECOND, COALESCE(d.last_heartbeat, '1970-01-02 00:00:00'), UTC_TIMESTAMP(3)) / 1000000 AS silent_s
     FROM (SELECT (SELECT COUNT(*) FROM ${names.device} WHERE status <> 'offline') AS online,
                  TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) AS database_us,
                  TIMESTAMPDIFF(MICROSECOND, CAST(? AS DATETIME(3)), UTC_TIMESTAMP(3)) AS uptime_us) f
     LEFT JOIN ${names.device} d ON d.status <> 'offline'
       AND COALESCE(d.last_heartbeat, '1970-01-02 00:00:00') < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND
       AND NOT COALESCE(d.lease_until > UTC_TIMESTAMP(3), 0)`,
    [session.facts.startedAt, Math.round(timeoutS * 1e6)],
  );
  const facts = rows[0];
  return {
    silent: rows
      .filter((row) => row.device_id !== null)
      .map(({ device_id, instance_token, last_heartbeat, silent_s }) => ({
        device_id,
        instance_token,
        last_heartbeat,
        silent_s,
      })),
    online: facts?.online ?? 0,
    database_ms: (facts?.database_us ?? 0) / 1000,
    uptime_s: (facts?.uptime_us ?? 0) / 1e6,
  };
}
