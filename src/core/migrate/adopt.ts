import type { Context } from '../context/context.ts';
import { confirmedZone } from '../db/migrate/adoption/confirmed-zone.ts';
import { findInTable, type TableFindings } from '../db/migrate/adoption/findings.ts';
import { cannotAdopt, refusalsOf } from '../db/migrate/adoption/refusals.ts';
import { columnOf, isAdopted, readTaskTable } from '../db/migrate/adoption/task-table.ts';
import { assumeZone, type ZoneAssumption, zoneEvidence } from '../db/migrate/adoption/time-zone.ts';
import type { Ask } from '../db/server-facts.ts';
import { AfdError } from '../domain/errors.ts';

/** What is to be known, and confirmed, before another program's task table is used. */
export interface Adoption extends TableFindings {
  table: string;
  time_zone: ZoneAssumption & { evidence: string; contradicted: boolean };
}

/**
 * null when there is nothing to confirm: no table yet, one of afd's own, or one whose zone is confirmed and the setting's.
 * @throws AfdError E_CONFLICT for a table that cannot be used, E_CONFIG for a named zone
 */
export async function adoptionOf(ask: Ask, context: Context): Promise<Adoption | null> {
  const { names, config, resolved } = context;
  const facts = await readTaskTable(ask, names.plain.task);
  if (facts === undefined || !isAdopted(facts)) return null;
  const refusals = refusalsOf(facts);
  if (refusals.length > 0) throw cannotAdopt(facts.name, refusals);
  const origin = resolved.origins['database.time_zone'];
  const configured = origin === undefined || origin === 'default' ? undefined : config.database.time_zone;
  const confirmed = await confirmedZone(ask, names);
  const isConfirmed = confirmed !== undefined && (configured === undefined || configured === confirmed);
  if (isConfirmed && columnOf(facts, 'lane') !== undefined) return null;
  const zone = await assumeZone(ask, configured ?? confirmed);
  const found = await findInTable(ask, facts, zone.zone);
  const { text, contradicts } = zoneEvidence(zone, found);
  return { table: facts.name, ...found, time_zone: { ...zone, evidence: text, contradicted: contradicts } };
}

/**
 * Takes only a confirmed zone. `agreed`: by --yes, or by a human.
 * @throws AfdError E_CONFIG; also for a zone with daylight saving that was not accepted
 */
export function refuseZone(adoption: Adoption, accepted: { agreed: boolean; daylightSaving: boolean }): void {
  const { time_zone: zone } = adoption;
  if (zone.daylight_saving && !accepted.daylightSaving) {
    throw new AfdError(
      'E_CONFIG',
      `The time zone ${zone.zone} (${zone.system}) has daylight saving time, so the times of ${adoption.table} are ambiguous for one hour in autumn. Pass --daylight-saving to accept this, or make all programs use a session time zone with a fixed offset.`,
      { suggestions: ['afd migrate --dry-run', 'afd migrate --daylight-saving'], data: { time_zone: zone } },
    );
  }
  if (accepted.agreed || (zone.from === 'setting' && !zone.contradicted)) return;
  const why = zone.contradicted ? ` ${zone.evidence}` : '';
  throw new AfdError(
    'E_CONFIG',
    `The time zone of ${adoption.table} is not confirmed; afd assumes ${zone.zone}.${why} Set database.time_zone: "${zone.zone}" in afd.yaml, or pass --yes.`,
    { suggestions: ['afd migrate --dry-run', 'afd migrate --yes'], data: { time_zone: zone } },
  );
}
