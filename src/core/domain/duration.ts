const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `30`, `"30s"`, `"250ms"`, `"5m"`; undefined when it is none of these, negative or not finite. */
export function durationSeconds(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)?$/.exec(value.trim());
  return match === null ? undefined : Number(match[1]) * UNITS[match[2] ?? 's']!;
}

/** `86400` → `"1d"`: the largest unit in which it is whole. */
export function spelledSeconds(seconds: number): string {
  const [unit, size] = Object.entries(UNITS)
    .reverse()
    .find(([, one]) => seconds !== 0 && Number.isInteger(seconds / one)) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}

/**
 * Milliseconds since 1970 of an ISO 8601 instant (or a Date); undefined when it is none. The zone must be written:
 * a time without one would mean something else on each device.
 */
export function instantMilliseconds(value: unknown): number | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime();
  if (typeof value !== 'string') return undefined;
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?\s*(Z|[+-]\d{2}:?\d{2})$/i.test(value)) return undefined;
  const parsed = Date.parse(value.replace(/^(.{10}) /, '$1T').replace(/\s/g, ''));
  return Number.isNaN(parsed) ? undefined : parsed;
}
