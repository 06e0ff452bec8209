/** MariaDB's JSON_VALID refuses what is nested deeper (MySQL: 100); the refused write would lose the row. */
export const JSON_DEPTH = 31;

/** `bytes`: it is too large. */
export type JsonSnapshot = { value: unknown } | { problem: string; bytes?: number };

/**
 * A copy of a value that both servers take as JSON, or why there is none: cyclic, BigInt, too large, too deep.
 * undefined becomes null; half surrogates, which both servers refuse, become U+FFFD. Never throws.
 */
export function jsonSnapshot(value: unknown, maxBytes: number): JsonSnapshot {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return { problem: `cannot be written as JSON (${error instanceof Error ? firstLine(error.message) : 'it threw'})` };
  }
  if (text === undefined) {
    return value === undefined ? { value: null } : { problem: `is a ${typeof value}, which JSON cannot represent` };
  }
  // A character is at most three bytes, so most values need no second copy to be measured.
  if (text.length * 3 > maxBytes) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maxBytes) return { problem: `has ${bytes} bytes as JSON; the maximum is ${maxBytes}`, bytes };
  }
  const copy: unknown = JSON.parse(text);
  if (deeperThan(copy, JSON_DEPTH)) return { problem: `is nested deeper than ${JSON_DEPTH} levels` };
  return { value: text.includes('\\ud') ? wellFormed(copy) : copy };
}

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((item) => deeperThan(item, levels - 1));
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\p{Cs}/gu, '\ufffd');
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [wellFormed(key), wellFormed(item)]));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
