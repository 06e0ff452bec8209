import { DatabaseError } from '../db/database-error.ts';
import { missingParts } from '../db/migrate/adoption/adoption-plan.ts';
import { ZONE_SETTING } from '../db/migrate/adoption/confirmed-zone.ts';
import {
  compareRecords,
  isFromDevelopment,
  knownMigrations,
  type RecordedMigrations,
  refuseUnknown,
} from '../db/migrate/known-migrations.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';

export interface SchemaState extends RecordedMigrations {
  /** Of the task table, although all is applied: it was changed by hand, or tables.task names another one by now. */
  missing: string[];
  /** Whether another program made the task table; null = there is none. */
  adopted: boolean | null;
  /** The confirmed zone of an adopted table's own times. */
  time_zone: string | null;
}

/** What is applied, pending and unknown; changes nothing. Works on a schema without any table. @throws DatabaseError */
export async function schemaState(session: Session, names: TableNames): Promise<SchemaState> {
  const records = compareRecords(await knownMigrations(), await recordedNames(session, names));
  const complete = records.pending.length === 0;
  const task = await taskTable(session, names, complete);
  return { ...records, ...task, missing: complete ? task.missing : [] };
}

/** What `afd migrate status` says of unknown migrations; undefined = there are none. */
export function sentenceOfUnknown(state: SchemaState): string | undefined {
  if (state.unknown.length === 0) return undefined;
  return isFromDevelopment(state)
    ? 'A development version of afd created this schema, and this version cannot upgrade it. Run "afd migrate down --force --dry-run" to see how to remove it.'
    : 'The schema is newer than this version of afd. Update afd on this machine.';
}

export function isUpToDate(state: SchemaState): boolean {
  return state.pending.length === 0 && state.unknown.length === 0 && state.missing.length === 0;
}

/**
 * Refuses a schema that this version does not know exactly, and a session in another zone than the confirmed one of an
 * adopted task table. Returns the zone that sessions must have.
 * @throws AfdError E_SCHEMA when something is missing or unknown, E_CONFIG for the zone
 */
export async function assertSchema(
  session: Session,
  names: TableNames,
  { zoneGiven = true }: { zoneGiven?: boolean } = {},
): Promise<string> {
  const state = await schemaState(session, names);
  refuseUnknown(state, session.where);
  if (state.pending.length > 0 || state.missing.length > 0) {
    const where = `The schema at ${session.where}`;
    const what =
      state.applied.length === 0
        ? `${where} does not contain the tables of afd yet.`
        : state.pending.length > 0
          ? `${where} is older than this version of afd: the migrations ${state.pending.join(', ')} are pending.`
          : `The task table ${names.plain.task} at ${session.where} is incomplete; missing: ${state.missing.slice(0, 5).join(', ')}.`;
    const dryRun = state.adopted === true ? ['afd migrate --dry-run'] : [];
    throw new AfdError('E_SCHEMA', what, { suggestions: [...dryRun, 'afd migrate up'], data: { ...state } });
  }
  const zone = session.options.timeZone;
  if (state.time_zone === null || state.time_zone === zone) return zone;
  if (!zoneGiven) return state.time_zone;
  throw new AfdError(
    'E_CONFIG',
    `The times of ${names.plain.task} are in time zone ${state.time_zone}, but database.time_zone is "${zone}" on this node, so tasks would run hours too early or too late. Set database.time_zone: "${state.time_zone}", or remove the setting to use the time zone of the fleet.`,
    { suggestions: ['afd migrate status'], data: { key: 'database.time_zone', here: zone, fleet: state.time_zone } },
  );
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

/** One statement: each command asks it once. `complete`: the table of settings is there. */
async function taskTable(
  session: Session,
  names: TableNames,
  complete: boolean,
): Promise<Pick<SchemaState, 'missing' | 'adopted' | 'time_zone'>> {
  const { task } = names.plain;
  const zone = complete
    ? ` UNION ALL SELECT 'zone', JSON_UNQUOTE(value), '' FROM ${names.setting} WHERE name = '${ZONE_SETTING}'`
    : '';
  const rows = await session.rows<{ what: string; name: string; detail: string }>(
    `SELECT 'column' AS what, COLUMN_NAME AS name, CONCAT(EXTRA, ' ', COLUMN_TYPE) AS detail
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
     UNION ALL
     SELECT DISTINCT 'index', INDEX_NAME, '' FROM information_schema.STATISTICS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?${zone}`,
    [task, task],
  );
  const columns = rows.filter(({ what }) => what === 'column').map(({ name, detail }) => ({ name, type: detail }));
  const adopted =
    columns.length === 0
      ? null
      : !columns.some(({ name, type }) => name.toLowerCase() === 'lane' && /STORED GENERATED/i.test(type));
  const confirmed = rows.find(({ what }) => what === 'zone')?.name ?? null;
  const keys = rows.filter(({ what }) => what === 'index').map(({ name }) => name);
  const missing = adopted === null ? [`table ${task}`] : missingParts(columns, keys);
  if (adopted === true && confirmed === null) missing.push('the time zone of its times');
  return { missing, adopted, time_zone: adopted === true ? confirmed : null };
}
