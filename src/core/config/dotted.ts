// Values by their dotted key: `master.retry_backoff.initial`.

export function getValue(values: unknown, key: string): unknown {
  let at = values;
  for (const part of key.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
  return at;
}

/** Writes into `values`. A section that holds a word instead of keys stays as it is: the schema will say so. */
export function setValue(values: object, key: string, value: unknown): void {
  const parts = key.split('.');
  let at = values as Record<string, unknown>;
  for (const part of parts.slice(0, -1)) {
    const next = at[part];
    if (next !== undefined && (typeof next !== 'object' || next === null)) return;
    at[part] = next ?? {};
    at = at[part] as Record<string, unknown>;
  }
  at[parts.at(-1)!] = value;
}
