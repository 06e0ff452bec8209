import { createHash } from 'node:crypto';
import type { TableNames } from '../table-names.ts';

/**
 * Names of locks (GET_LOCK) for one purpose and these tables of the current schema, as SQL; `part` tells several of them
 * apart. Lock names are server-wide, and no longer than 64 characters.
 */
export function schemaLocks(names: TableNames, purpose: string): (part?: string) => string {
  const digest = createHash('sha256')
    .update(`${names.prefix}|${names.plain.task}|${purpose}`)
    .digest('hex')
    .slice(0, 32);
  return (part = '') => `CONCAT('afd:', CRC32(DATABASE()), ':${digest}${part}')`;
}
