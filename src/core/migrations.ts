import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DatabaseError } from './db/database-error.ts';
import type { DatabaseAddress, Session } from './db/session.ts';
import type { TableNames } from './db/table-names.ts';
import { AfdError } from './domain/errors.ts';

export interface SchemaState {
  applied: string[];
  pending: string[];
  /** Recorded in the database, but not known to this version: a newer afd has been here. */
  unknown: string[];
}

/** What of a context a migration needs. */
export interface MigrationTarget {
  address: DatabaseAddress;
  names: TableNames;
  session(): Promise<unknown>;
}

/** Applies what is missing and says what that was; harmless when several nodes call it at once. @throws AfdError */
export async function migrate(target: MigrationTarget): Promise<{ applied: string[] }> {
  // First by our own session: knex would wait for its pool, and write to stdout that it could not connect.
  await target.session();
  // knex is loaded only here: no other command pays for it.
  const { migrateUp } = await import('./db/migrator.ts');
  return { applied: await migrateUp(target.address, target.names) };
}

/** What is applied, pending and unknown; changes nothing. Works on a schema without any table. @throws DatabaseError */
export async function schemaState(session: Session, names: TableNames): Promise<SchemaState> {
  const known = await knownNames();
  const recorded = await recordedNames(session, names);
  return {
    applied: known.filter((name) => recorded.includes(name)),
    pending: known.filter((name) => !recorded.includes(name)),
    unknown: recorded.filter((name) => !known.includes(name)),
  };
}

/**
 * Refuses a schema that this version does not know exactly.
 * @throws AfdError E_SCHEMA when something is missing or unknown
 */
export async function assertSchema(session: Session, names: TableNames): Promise<void> {
  const state = await schemaState(session, names);
  if (state.unknown.length > 0) {
    throw new AfdError(
      'E_SCHEMA',
      `The schema at ${session.where} is newer than this afd: it has ${state.unknown.join(', ')}. Update afd on this machine.`,
      { suggestions: ['npm install -g afd@latest', 'afd migrate status'], data: { ...state } },
    );
  }
  if (state.pending.length === 0) return;
  const what =
    state.applied.length === 0
      ? `The schema at ${session.where} has no tables of afd yet.`
      : `The schema at ${session.where} is older than this afd: ${state.pending.join(', ')} must be applied.`;
  throw new AfdError('E_SCHEMA', what, { suggestions: ['afd migrate up'], data: { ...state } });
}

async function recordedNames(session: Session, names: TableNames): Promise<string[]> {
  try {
    const rows = await session.rows<{ name: string }>(`SELECT name FROM ${names.migration} ORDER BY id`);
    return rows.map((row) => row.name);
  } catch (error) {
    if (error instanceof DatabaseError && error.errno === 1146) return [];
    throw error;
  }
}

/** The same list as the migrator's, read without loading knex. */
async function knownNames(): Promise<string[]> {
  const files = await readdir(fileURLToPath(new URL('../../migrations/', import.meta.url)));
  return files.filter((file) => /^\d{4}_.*\.js$/.test(file)).sort();
}
