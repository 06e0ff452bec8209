// `afd config show`: every key with its value and where that came from. Secrets never leave this file.
import { CONFIG_KEYS } from '../config/config-keys.ts';
import type { Config } from '../config/config-schema.ts';
import { getValue } from '../config/dotted.ts';
import { nodeWarnings, type Origin, type ResolvedConfig } from '../config/load-config.ts';
import type { Context } from '../context/context.ts';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import { maskArguments } from '../domain/redaction/mask-arguments.ts';
import { redact } from '../domain/redaction/redact.ts';

export interface ConfigValue {
  key: string;
  /** Durations in seconds; null = none. */
  value: unknown;
  origin: Origin;
  /** This node's own value, where the fleet says something else. */
  own?: { value: unknown; origin: Origin };
}

export interface ConfigView {
  /** Absolute path; null = there is no configuration file. */
  file: string | null;
  /** Whether the fleet's values are among them, and why not. */
  fleet: { read: boolean; reason: string | null };
  values: ConfigValue[];
  /** What a node would say when it starts. */
  warnings: string[];
}

const SECRET_KEYS = new Set(['database.password', 'master.api_key', 'server.oidc.client_secret']);
/** Why the fleet's values cannot be had: worth a sentence, and no reason to show nothing. */
const WITHOUT_FLEET = new Set<ErrorCode>(['E_DATABASE', 'E_SCHEMA', 'E_FORBIDDEN']);

/** With the fleet's values, or without them when the database cannot be asked. @throws DatabaseError of other kinds */
export async function showConfig(context: Context): Promise<ConfigView> {
  const { resolved, fleet } = context;
  try {
    await context.session();
  } catch (error) {
    if (!(error instanceof AfdError && WITHOUT_FLEET.has(error.code))) throw error;
    return viewConfig(resolved, { read: false, reason: error.message });
  }
  const ownOrigin = (key: string) => fleet.own.get(key)?.origin ?? resolved.origins[key];
  const warnings = nodeWarnings(resolved, (key) => ownOrigin(key) !== 'default');
  const view = viewConfig({ ...resolved, warnings }, { read: true, reason: null });
  for (const shown of view.values) {
    const own = fleet.own.get(shown.key);
    if (shown.origin === 'fleet' && own !== undefined && own.value !== shown.value) shown.own = own;
  }
  return view;
}

/** This node's own values, without those of the fleet. */
export function viewConfig(
  resolved: Pick<ResolvedConfig, 'config' | 'file' | 'origins' | 'warnings'>,
  fleet: ConfigView['fleet'] = { read: false, reason: 'no database is configured' },
): ConfigView {
  const { config, file, origins, warnings } = resolved;
  const values = CONFIG_KEYS.map((key) => ({
    key,
    value: shownValue(key, getValue(config, key)),
    origin: origins[key] ?? 'default',
  }));
  return { file: file ?? null, fleet, values, warnings };
}

function shownValue(key: string, value: unknown): unknown {
  if (value === undefined) return null;
  if (SECRET_KEYS.has(key)) return '***';
  if (key === 'database.url' || key === 'database.read_url') return withoutPassword(value as string);
  return redact(key === 'handlers' ? withoutSecrets(value as Config['handlers']) : value);
}

/** Of a url as it was written: a password in it may hold anything, blanks too. */
function withoutPassword(url: string): string {
  const colon = url.indexOf(':', url.indexOf('://') + 3);
  const at = url.lastIndexOf('@');
  return colon === -1 || at < colon ? url : `${url.slice(0, colon)}:***${url.slice(at)}`;
}

/**
 * The variables and arguments of a command are its operator's: only the names of its variables are shown, and only the
 * arguments that do not resemble a secret.
 */
function withoutSecrets(handlers: Config['handlers']): Config['handlers'] {
  const masked = Object.entries(handlers).map(([type, handler]) => {
    const env = Object.fromEntries(Object.keys(handler.env).map((name) => [name, '***']));
    return [type, { ...handler, env, ...(handler.exec === undefined ? {} : { exec: maskArguments(handler.exec) }) }];
  });
  return Object.fromEntries(masked) as Config['handlers'];
}
