import type { TableNames } from '../table-names.ts';

/** Devices that are not offline. Non-locking; reads the whole device table (1,000 devices: 0.3 ms). */
export function onlineCountStatement(names: TableNames): { sql: string; values: unknown[] } {
  return { sql: `SELECT COUNT(*) AS n FROM ${names.device} WHERE status <> 'offline'`, values: [] };
}
