/**
 * JSON text with the keys of every object in code-unit order and no white space: equal requirements give equal text.
 * A lane is a hash of that text, and MariaDB keeps JSON as it was sent, so another key order would be another lane.
 * Lists keep their order. @throws TypeError for cycles and BigInt, like JSON.stringify
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    const entries = Object.entries(part as Record<string, unknown>);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
