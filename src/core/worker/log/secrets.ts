// What must not stand in a run log, although a handler prints it.
import type { HandlerConfig } from '../../config/config-schema.ts';
import { SHORTEST_SECRET } from '../../domain/run-log/secret-mask.ts';
import { SECRET_NAME } from '../../log/redact.ts';

type Environment = Record<string, string | undefined>;

/** Values of a payload that are looked at. */
const MOST_VALUES = 1000;

/**
 * Secrets that the handlers of this worker can know: the password of the database, and values whose variable has a telling
 * name, in the worker's environment or in `handlers.<type>.env`.
 */
export function workerSecrets(
  handlers: Record<string, HandlerConfig>,
  env: Environment,
  password: string | undefined,
): string[] {
  const secrets = new Set<string>();
  if (password !== undefined) secrets.add(password);
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && SECRET_NAME.test(name)) secrets.add(value);
  }
  for (const { env: own } of Object.values(handlers)) {
    for (const [name, text] of Object.entries(own)) {
      if (SECRET_NAME.test(name)) secrets.add(text.replace(/\$\{(\w+)\}/g, (_, wanted: string) => env[wanted] ?? ''));
    }
  }
  return [...secrets].filter((one) => one.length >= SHORTEST_SECRET);
}

/** Texts of a payload whose key has a telling name, at any depth. */
export function payloadSecrets(payload: unknown): string[] {
  const secrets: string[] = [];
  const open: Array<{ value: unknown; secret: boolean }> = [{ value: payload, secret: false }];
  for (let n = 0; n < open.length && n < MOST_VALUES; n += 1) {
    const { value, secret } = open[n]!;
    if (typeof value === 'string' || typeof value === 'number') {
      if (secret) secrets.push(String(value));
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value))
        open.push({ value: one, secret: secret || SECRET_NAME.test(key) });
    }
  }
  return secrets;
}
