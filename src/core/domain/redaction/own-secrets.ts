// Which values are secrets of a process, or of a task, although nobody says so.
import { SHORTEST_SECRET } from './secret-mask.ts';
import { SECRET_NAME } from './secret-names.ts';

/** Values of a payload that are looked at. */
const MOST_VALUES = 1000;

export interface OwnSecrets {
  /** Of the configuration. */
  handlers: Record<string, { env: Record<string, string> }>;
  /** Where handlers run, the environment that they may be given. */
  env?: Record<string, string | undefined>;
  /** The password of the database, the key of the gateway. */
  others: Array<string | undefined>;
}

/** What is given by name, and values whose variable has a telling name, in the environment or in `handlers.<type>.env`. */
export function ownSecrets({ handlers, env = {}, others }: OwnSecrets): string[] {
  const secrets = new Set(others);
  for (const [name, value] of Object.entries(env)) if (SECRET_NAME.test(name)) secrets.add(value);
  for (const { env: own } of Object.values(handlers)) {
    for (const [name, text] of Object.entries(own)) {
      if (SECRET_NAME.test(name)) secrets.add(text.replace(/\$\{(\w+)\}/g, (_, wanted: string) => env[wanted] ?? ''));
    }
  }
  return [...secrets].filter((one) => one !== undefined && one.length >= SHORTEST_SECRET) as string[];
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
