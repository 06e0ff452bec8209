// In which zone the task table's own times are. They are DATETIMEs that other programs write by NOW(): nothing in the table
// says it, so it is assumed from the server, shown with the evidence, and confirmed by a human or a setting.
import { AfdError } from '../../../domain/errors.ts';
import type { Ask } from '../../server-facts.ts';

export interface ZoneFacts {
  /** @@global.time_zone: what a program's session has that does not say otherwise. */
  global: string;
  /** @@system_time_zone, for SYSTEM. */
  system: string;
  /** Seconds ahead of UTC now, in the zone that is assumed. */
  offset_s: number;
  /** The zone changes its offset during the year. */
  daylight_saving: boolean;
}

export interface ZoneAssumption extends ZoneFacts {
  /** `SYSTEM` or an offset: what `database.time_zone` must be on every node. */
  zone: string;
  /** Where it comes from: the setting, or the server's global time_zone. */
  from: 'setting' | 'server';
}

/** `configured`: database.time_zone when it is set. @throws AfdError E_CONFIG for a named global zone */
export async function assumeZone(ask: Ask, configured: string | undefined): Promise<ZoneAssumption> {
  const [row] = await ask('SELECT @@global.time_zone AS zone, @@system_time_zone AS system_zone');
  const global = String(row?.zone);
  const zone = configured ?? global;
  const [offsets] = await ask(
    `SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', ?)) AS now_s,
            TIMESTAMPDIFF(SECOND, winter, CONVERT_TZ(winter, '+00:00', ?)) AS winter_s,
            TIMESTAMPDIFF(SECOND, summer, CONVERT_TZ(summer, '+00:00', ?)) AS summer_s
     FROM (SELECT MAKEDATE(YEAR(UTC_DATE()), 15) + INTERVAL 12 HOUR AS winter,
                  MAKEDATE(YEAR(UTC_DATE()), 196) + INTERVAL 12 HOUR AS summer) days`,
    [zone, zone, zone],
  );
  const offset = Number(offsets?.now_s ?? 0);
  const changes = Number(offsets?.winter_s ?? 0) !== Number(offsets?.summer_s ?? 0);
  if (!/^(SYSTEM|[+-]\d{2}:\d{2})$/.test(zone)) {
    const written = offsetText(offset);
    throw new AfdError(
      'E_CONFIG',
      `The server's time_zone is ${zone}. Named time zones work only on servers with time zone tables, so afd needs an offset: set database.time_zone: "${written}"${changes ? ` (the offset today; ${zone} has daylight saving time, so times of the other half of the year are wrong by one hour)` : ''}.`,
      { data: { time_zone: zone, offset: written, daylight_saving: changes } },
    );
  }
  return {
    zone,
    from: configured === undefined ? 'server' : 'setting',
    global,
    system: String(row?.system_zone),
    offset_s: offset,
    daylight_saving: changes,
  };
}

/** `+08:00` of 28800. */
export function offsetText(seconds: number): string {
  const minutes = Math.abs(Math.round(seconds / 60));
  const two = (n: number) => String(n).padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/**
 * What the newest write says about an assumed offset: a time in the future is impossible, so the zone lies further
 * east. A time in the past proves nothing: there may have been no write since.
 */
export function zoneEvidence(
  assumed: { zone: string; offset_s: number },
  newest: { newest_write: string | null; newest_ahead_of_utc_s: number | null },
): { contradicts: boolean; text: string } {
  const { newest_write: write, newest_ahead_of_utc_s: ahead } = newest;
  if (write === null || ahead === null)
    return { contradicts: false, text: 'No row has a time that could confirm this.' };
  const age = assumed.offset_s - ahead;
  if (age >= -60) {
    return { contradicts: false, text: `The newest write, ${write}, would then be ${ageText(age)} old.` };
  }
  const likely = offsetText(Math.ceil(ahead / 900) * 900);
  return {
    contradicts: true,
    text: `The newest write, ${write}, would then be ${ageText(-age)} in the future. If it is recent, the time zone is probably ${likely}.`,
  };
}

function ageText(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
