import type { FromThread } from './handler-thread-messages.ts';

/** The same message in a form that a port takes: of a log line's fields, what cannot be copied becomes text. */
export function sendable(message: FromThread): FromThread {
  if (message.kind !== 'log' || message.fields === undefined) return message;
  const fields = Object.entries(message.fields).map(([name, value]) => [name, copied(value)] as const);
  return { ...message, fields: Object.fromEntries(fields) };
}

function copied(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return asText(value);
  }
}

function asText(value: unknown): string {
  try {
    return typeof value === 'object' ? (JSON.stringify(value) ?? String(value)) : String(value);
  } catch {
    return 'a value that cannot be shown';
  }
}
