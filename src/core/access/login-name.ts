import { createHash } from 'node:crypto';

/** By which failures of a name are counted. */
export function nameHash(name: string): Buffer {
  return createHash('sha256').update(name.toLowerCase()).digest();
}
