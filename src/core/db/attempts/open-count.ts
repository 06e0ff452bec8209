import type { TableNames } from '../table-names.ts';

/**
 * A column: the open attempts of each device of alias `d`, counted over idx_device_id (covering). One count per status: for
 * a list of them no server goes by both columns of the index inside another query, and reads all that a device ever ran.
 */
export function openCount(names: TableNames): string {
  const one = (status: 'assigned' | 'running') =>
    `(SELECT COUNT(*) FROM ${names.assignment} a FORCE INDEX (idx_device_id)
      WHERE a.device_id = d.device_id AND a.status = '${status}')`;
  return `${one('assigned')} + ${one('running')}`;
}
