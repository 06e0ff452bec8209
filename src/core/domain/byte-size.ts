const UNITS: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

/** Bytes of `512MB`, `"1.5 GB"`, `1048576`; undefined when it is none of these. A unit is a power of 1024, as in top and systemd. */
export function byteSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?)i?B?$/i.exec(value.trim());
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * UNITS[`${match[2]!.toUpperCase()}B`]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `2254857830` → `"2.1 GB"`: one digit after the point, none where it is 0. */
export function spelledBytes(bytes: number): string {
  const [unit, size] = Object.entries(UNITS)
    .reverse()
    .find(([, one]) => bytes >= one) ?? ['B', 1];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
}

/** `536870912` → `"512MB"`: the largest unit in which it is whole. */
export function exactBytes(bytes: number): string {
  const [unit, size] = Object.entries(UNITS)
    .reverse()
    .find(([, one]) => bytes !== 0 && Number.isInteger(bytes / one)) ?? ['B', 1];
  return `${bytes / size}${unit}`;
}
