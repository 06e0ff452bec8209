// Secrets never reach a log line: neither under a telling name, nor inside a database URL.

const SECRET_NAME = /pass(word|wd)|secret|token|api_?key|authorization|cookie|credential/i;

/** `mysql://user:secret@host` → `mysql://user:***@host`. Up to the last "@": a password may hold one unencoded. */
export function redactText(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):\S+@/gi, '$1:***@');
}

/** A copy without secrets, at any depth. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null || depth > 8) return value;
  if (value instanceof Error) return redactText(value.message);
  if (Array.isArray(value)) return value.map((one) => redact(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      SECRET_NAME.test(name) && one !== null && one !== undefined ? '***' : redact(one, depth + 1),
    ]),
  );
}
