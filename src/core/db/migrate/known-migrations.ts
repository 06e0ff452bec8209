// The migrations of this version, and what a schema is that records others. Loads no migration and no knex: each command asks.
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AfdError } from '../../domain/errors.ts';

export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../../migrations/', import.meta.url));

/** The names of all migrations of this version, in order. */
export async function knownMigrations(): Promise<string[]> {
  const files = await readdir(MIGRATIONS_FOLDER);
  return files.filter((file) => /^\d{4}_.*\.js$/.test(file)).sort();
}

/** What a schema records, compared with the migrations of this version. */
export interface RecordedMigrations {
  /** Known and recorded. */
  applied: string[];
  /** Known and not recorded. */
  pending: string[];
  /** Recorded and not known. */
  unknown: string[];
}

export function compareRecords(known: string[], recorded: string[]): RecordedMigrations {
  return {
    applied: known.filter((name) => recorded.includes(name)),
    pending: known.filter((name) => !recorded.includes(name)),
    unknown: recorded.filter((name) => !known.includes(name)),
  };
}

/**
 * Whether a development version of afd created the schema, before the first release: its migrations were replaced by one.
 * A newer version records that one, and others after it.
 */
export function isFromDevelopment({ applied, unknown }: RecordedMigrations): boolean {
  return unknown.length > 0 && applied.length === 0;
}

/** `where`: the address of the database. @throws AfdError E_SCHEMA when the schema records an unknown migration */
export function refuseUnknown(records: RecordedMigrations, where: string): void {
  const { unknown } = records;
  if (unknown.length === 0) return;
  const list = unknown.join(', ');
  if (isFromDevelopment(records)) {
    const message = `A development version of afd created the schema at ${where} (migrations ${list}), and this version cannot upgrade it. Remove the tables of afd and create them again. This deletes their rows; a task table that another program created keeps its tasks.`;
    throw new AfdError('E_SCHEMA', message, {
      suggestions: ['afd migrate down --force --dry-run', 'afd migrate down --force', 'afd migrate'],
      data: { ...records },
    });
  }
  const message = `The schema at ${where} is newer than this version of afd: it has the unknown migrations ${list}. Update afd on this machine.`;
  throw new AfdError('E_SCHEMA', message, { suggestions: ['afd migrate status'], data: { ...records } });
}
