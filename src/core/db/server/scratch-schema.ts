// Invariant: makes or drops one schema whose name the caller has just invented; nothing that exists is taken or touched,
// since CREATE without IF NOT EXISTS refuses it. No rows, no index. False = this account may not create schemas.
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';

/** Access denied to the database; a global privilege is missing. */
const REFUSED = new Set([1044, 1227]);

/** @throws DatabaseError for anything but a refusal */
export async function createSchema(session: Session, name: string): Promise<boolean> {
  try {
    await session.write(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.errno !== undefined && REFUSED.has(error.errno)) return false;
    throw error;
  }
}

/** @throws DatabaseError */
export async function dropSchema(session: Session, name: string): Promise<void> {
  await session.write(`DROP DATABASE IF EXISTS \`${name}\``);
}
