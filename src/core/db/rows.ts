// Times and JSON between the server's spelling and ours, in one place. The driver gives strings (dateStrings,
// jsonStrings): nothing before this file has guessed a zone or a type.
import type { Session } from './session.ts';

/**
 * ISO 8601 UTC of a column that holds UTC (all of our own tables): `2026-01-02 03:04:05.678` → `2026-01-02T03:04:05.678Z`.
 */
export function utcToIso(text: string | null | undefined): string | null {
  return zonedToIso(text, 0);
}

/** ISO 8601 UTC of a column in the session's zone (the task table's own times). `offsetS`: see zoneOffsetS. */
export function zonedToIso(text: string | null | undefined, offsetS: number): string | null {
  if (text === null || text === undefined) return null;
  const wall = Date.parse(`${text.replace(' ', 'T')}Z`);
  return Number.isNaN(wall) ? null : new Date(wall - offsetS * 1000).toISOString();
}

/** A moment in ISO 8601 as a column that holds UTC spells it. @throws RangeError when it is none */
export function isoToUtc(iso: string): string {
  return isoToZoned(iso, 0);
}

/** Moments before one that the server sent, as columns that hold UTC spell them; ages in milliseconds, null stays null. */
export function utcBefore(utc: string): (ageMs: number | null) => string | null {
  const end = Date.parse(utcToIso(utc) ?? '');
  // Many attempts of a batch began in the same millisecond.
  const spelled = new Map<number, string>();
  return (ageMs) => {
    if (ageMs === null) return null;
    const at = Math.round(end - ageMs);
    const known = spelled.get(at) ?? isoToUtc(new Date(at).toISOString());
    spelled.set(at, known);
    return known;
  };
}

/** A moment in ISO 8601 as a column in the session's zone spells it. @throws RangeError when it is none */
export function isoToZoned(iso: string, offsetS: number): string {
  return new Date(Date.parse(iso) + offsetS * 1000).toISOString().replace('T', ' ').replace('Z', '');
}

/**
 * Seconds that the session's zone is ahead of UTC. `SYSTEM` is asked of the server; its answer holds for now, so times
 * on the other side of a daylight-saving change are shown an hour off.
 */
export async function zoneOffsetS(session: Session): Promise<number> {
  const fixed = /^([+-])(\d{2}):(\d{2})$/.exec(session.options.timeZone);
  if (fixed !== null) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 3600 + Number(fixed[3]) * 60);
  const [row] = await session.rows<{ offset_s: number }>(
    'SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()) AS offset_s',
  );
  return Number(row?.offset_s ?? 0);
}

/** A JSON column; null when it is NULL, the text itself when it is not JSON (MariaDB's JSON is text with a check). */
export function fromJson(text: string | null | undefined): unknown {
  if (text === null || text === undefined) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A JSON column that holds an object; anything else is an empty one. */
export function fromJsonObject(text: string | null | undefined): Record<string, unknown> {
  const value = fromJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** The database's clock in milliseconds since 1970. */
export async function databaseNowMs(session: Session): Promise<number> {
  const [row] = await session.rows<{ now: string }>('SELECT UTC_TIMESTAMP(3) AS now');
  return Date.parse(utcToIso(row?.now) ?? '');
}
