import { inspect } from 'node:util';
import type { FromThread } from './handler-thread-messages.ts';

/** The same message in a form that JSON takes: of a log line's fields, what it does not take becomes text. */
export function sendable(message: FromThread): FromThread {
  if (!('fields' in message) || message.fields === undefined) return message;
  const fields = Object.entries(message.fields).map(([name, value]) => [name, writable(value)] as const);
  return { ...message, fields: Object.fromEntries(fields) };
}

function writable(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return typeof value === 'bigint' ? String(value) : shown(value);
  }
}

function shown(value: unknown): string {
  try {
    return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return 'a value that cannot be shown';
  }
}
