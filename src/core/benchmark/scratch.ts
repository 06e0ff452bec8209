// The place where `afd bench` works: a schema of its own, or, where the account may not create one, tables of its own
// in the configured schema. Either has a unique name, and is removed however the measurement ends.
import { randomBytes } from 'node:crypto';
import { addressOf, type Context } from '../context/context.ts';
import { type DatabaseAddress, inSchema } from '../db/address.ts';
import { createSchema, dropSchema } from '../db/server/scratch-schema.ts';
import { type TableNames, tableNames } from '../db/table-names.ts';
import { writerAddress } from '../writer/writer-finder.ts';

export interface Scratch {
  /** What it is called, and whether that is a schema or the beginning of table names. */
  name: string;
  kind: 'schema' | 'tables';
  address: DatabaseAddress;
  tables: { task: string; prefix: string };
  names: TableNames;
  /** @throws DatabaseError */
  remove(): Promise<void>;
}

/** Prefix of the names that a killed measurement leaves behind. */
export const SCRATCH_PREFIX = 'afd_scratch_';

/**
 * Makes the place with afd's tables in it. `onPlace` is called with its name before anything exists that a kill would
 * leave behind.
 * @throws DatabaseError, AfdError; nothing is left then
 */
export async function makeScratch(context: Context, onPlace: (name: string) => void): Promise<Scratch> {
  const session = await context.session();
  const name = `${SCRATCH_PREFIX}${randomBytes(4).toString('hex')}`;
  const ownSchema = await createSchema(session, name);
  const tables = ownSchema ? { task: 'af_crawl_task', prefix: 'af_' } : { task: `${name}_task`, prefix: `${name}_` };
  const names = tableNames(tables);
  const given = addressOf(context);
  const address = ownSchema ? inSchema(given, name) : given;
  const remove = async () => {
    // Perhaps by another connection than the one that made it: a long measurement outlives a silent session.
    await session.ready();
    if (ownSchema) return dropSchema(session, name);
    const { migrateDown } = await import('../db/migrate/migrator.ts');
    await migrateDown(await writerAddress(address), names, { force: true });
  };
  onPlace(name);
  try {
    const { migrateUp } = await import('../db/migrate/migrator.ts');
    await migrateUp(await writerAddress(address), names);
  } catch (error) {
    await remove();
    throw error;
  }
  return { name, kind: ownSchema ? 'schema' : 'tables', address, tables, names, remove };
}
