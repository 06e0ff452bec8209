// Configuration is resolved once, with the origin of every value, all problems at once, and warnings apart from errors.
import { dirname } from 'node:path';
import type { DatabaseAddress } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';
import { slotsOf } from '../domain/slots.ts';
import { type ConfigFile, findConfigFile, readConfigFile } from './config-file.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { Problems } from './config-problems.ts';
import { type Config, configSchema } from './config-schema.ts';
import { dangers, notUsedYet } from './config-warnings.ts';
import { type AddressInput, namesDatabase, resolveAddress, resolveReplica } from './database-address.ts';
import type { FoundFile } from './database-sources.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { getValue, setValue } from './dotted.ts';
import { type EnvironmentValue, readEnvironment, variableOf } from './environment.ts';
import { trustOfConfiguration, trustOfSecret } from './file-trust.ts';
import { FILLING, type Origin } from './origin.ts';

export type { Origin } from './origin.ts';

export interface ResolvedConfig {
  /** Durations in seconds. */
  config: Config;
  /** Absolute path; undefined when there is no configuration file. */
  file: string | undefined;
  /** Paths in the configuration are relative to this folder: the file's, else the working directory. */
  baseDir: string;
  /** Where each value came from, by dotted key; `worker.capabilities` and `handlers` are one value each. */
  origins: Record<string, Origin>;
  /** Sentences for the operator of a node: mistyped variables, dangerous values, keys that nothing uses. */
  warnings: string[];
  /** The part of `warnings` that every command repeats: what was most likely mistyped, and whom the files trust. */
  remarks: string[];
  /** The part of `warnings` about variables that were passed over, since the file says it already. */
  passedOver: string[];
  /** Undefined = none is configured: a remote worker works without one. */
  database: DatabaseAddress | undefined;
  /** Where lists and exports may be read; undefined = from the writer. */
  replica?: DatabaseAddress | undefined;
  /** Where systemd puts the credentials of this unit. */
  credentials?: string | undefined;
  /** User id of this process. */
  uid?: number | undefined;
  /** User to whom the configuration file belongs; undefined = there is no such file, or no such user. */
  author?: number | undefined;
}

/** Of a gateway, in the design document. */
const DEFAULT_PORT = 8000;

export interface LoadOptions {
  /** --config. */
  file?: string | undefined;
  env: Record<string, string | undefined>;
  /** Values given on the command line, each with the flag's name and its dotted key. */
  flags?: Array<{ flag: string; key: string; value: unknown }>;
  cwd: string;
  /** User id of this process; undefined where there are no user ids. */
  uid?: number | undefined;
  /** URL of the embedded server of this folder; asked only when nothing names a database. */
  embeddedUrl?: ((dir: string) => Promise<string | undefined> | string | undefined) | undefined;
}

/** @throws AfdError E_CONFIG with every problem, or when nothing names a database; for a `remote` worker: nor a gateway */
export function loadConfig(options: LoadOptions): Promise<ResolvedConfig & { database: DatabaseAddress }>;
export function loadConfig(options: LoadOptions & { remote: boolean }): Promise<ResolvedConfig>;
export async function loadConfig(options: LoadOptions & { remote?: boolean }): Promise<ResolvedConfig> {
  const resolved = await resolveConfig(options);
  const remote = options.remote === true && resolved.config.worker.gateway !== undefined;
  if (resolved.database === undefined && !remote) throw noDatabase();
  return resolved;
}

export function noDatabase(): AfdError {
  return new AfdError(
    'E_CONFIG',
    'No database is configured: set AFD_DATABASE_URL=mysql://user:password@host:port/schema or database.url in afd.yaml, or start a private server in this folder.',
    { suggestions: ['afd db start'] },
  );
}

/** Like loadConfig, for those who can do without a database. @throws AfdError E_CONFIG with every problem. */
export async function resolveConfig(options: LoadOptions): Promise<ResolvedConfig> {
  const { env, cwd, uid, flags = [] } = options;
  const found = findConfigFile(options.file, env, cwd);
  const file = found === undefined ? undefined : await readConfigFile(found.path);
  const baseDir = found === undefined ? cwd : dirname(found.path);
  const environment = readEnvironment(env);

  const values = structuredClone(file?.values ?? {});
  const origins: Record<string, Origin> = {};
  for (const key of CONFIG_KEYS) origins[key] = getValue(values, key) === undefined ? 'default' : 'file';
  const passedOver: string[] = [];
  const above: Array<{ key: string; value: unknown; origin: Origin }> = [
    ...environment.values
      .filter((given) => !filledAlready(given, getValue(values, given.key), passedOver))
      .map(({ key, name, value }) => ({ key, value, origin: `env ${name}` as const })),
    ...flags.map(({ flag, key, value }) => ({ key, value, origin: `flag ${flag}` as const })),
  ];
  for (const { key, value, origin } of above) {
    if (value === undefined) continue;
    setValue(values, key, value);
    origins[key] = origin;
  }

  const problems = new Problems(file, origins, found?.name);
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) problems.addIssues(parsed.error.issues, values);
  problems.throwIfAny();
  const config = parsed.data as Config;
  const slots = slotsOf(config.worker.capabilities);
  if (slots !== undefined && origins['worker.max_concurrent_tasks'] === 'default') {
    config.worker.max_concurrent_tasks = slots;
    origins['worker.max_concurrent_tasks'] = origins['worker.capabilities'] ?? 'file';
  }

  const remote = gatewayOfDocument(config, (message) => problems.add('master.host', message));
  if (remote !== undefined) {
    config.worker.gateway = [remote];
    origins['worker.gateway'] = origins['master.host'] ?? 'file';
  } else if (!namesDatabase(config.database)) {
    const url = await options.embeddedUrl?.(cwd);
    if (url !== undefined) {
      config.database.url = url;
      origins['database.url'] = 'embedded server';
    }
  }
  const remarks = [...environment.warnings];
  if (file !== undefined && found !== undefined) trust(file, found, { uid, remarks, problems });
  const address: AddressInput = {
    ...{ database: config.database, baseDir, file: found, uid },
    origin: (key) => origins[key] ?? 'default',
    problem: (key, message) => problems.add(key, message),
    warn: (message) => remarks.push(message),
  };
  const database = namesDatabase(config.database) ? await resolveAddress(address) : undefined;
  const replica = database === undefined ? undefined : await resolveReplica(address, database);
  problems.throwIfAny();
  const warnings = nodeWarnings({ config, remarks, passedOver, database }, (key) => origins[key] !== 'default');
  const credentials = env.CREDENTIALS_DIRECTORY;
  const author = uid !== undefined && file?.facts.isFile() ? file.facts.uid : undefined;
  const whose = { credentials, uid, author };
  return { config, file: found?.path, baseDir, origins, remarks, passedOver, warnings, database, replica, ...whose };
}

/** The document's `master.host`: a node without a database is a remote worker of that gateway. */
function gatewayOfDocument(
  { mode, database, master, worker }: Config,
  problem: (message: string) => void,
): string | undefined {
  const { host, port = DEFAULT_PORT } = master;
  if (host === undefined || worker.gateway !== undefined || mode === 'master' || namesDatabase(database))
    return undefined;
  if (!/^[A-Za-z0-9.:_-]+$/.test(host)) {
    problem('is not a host name or IP address; for a URL, use worker.gateway');
    return undefined;
  }
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What a node with this configuration says when it starts. `given`: whether any source set this key. */
export function nodeWarnings(
  { config, remarks, passedOver, database }: Pick<ResolvedConfig, 'config' | 'remarks' | 'passedOver' | 'database'>,
  given: (key: string) => boolean,
): string[] {
  return [
    ...remarks,
    ...passedOver,
    ...dangers(config, database),
    ...notUsedYet(given, config.worker.gateway !== undefined),
  ];
}

/** True when this variable only fills, and the file has said it. */
function filledAlready({ key, name, value }: EnvironmentValue, inFile: unknown, passedOver: string[]): boolean {
  if (!FILLING.has(name) || inFile === undefined) return false;
  if (String(inFile) !== value) {
    passedOver.push(
      `${name} is ignored, because the configuration file sets ${key}; use ${variableOf(key)} to override the file`,
    );
  }
  return true;
}

function trust(
  file: ConfigFile,
  { path, name }: FoundFile,
  { uid, remarks, problems }: { uid: number | undefined; remarks: string[]; problems: Problems },
): void {
  const { warning } = trustOfConfiguration(name, file.facts, uid);
  if (warning !== undefined) remarks.push(warning);
  const key = secretIn(file.values);
  if (key === undefined) return;
  const secret = trustOfSecret(path, file.facts, uid);
  if (secret.refusal !== undefined) problems.add(key, `is a secret, and ${secret.refusal}`);
  if (secret.warning !== undefined) remarks.push(secret.warning);
}

/** The key of a password for the database, or of the secret of an OpenID client, if the file has one. */
function secretIn(values: Record<string, unknown>): string | undefined {
  for (const key of ['database.password', 'server.oidc.client_secret'])
    if (getValue(values, key) !== undefined) return key;
  return ['database.url', 'database.read_url'].find((key) => {
    const url = getValue(values, key);
    const parts = typeof url === 'string' ? parseDatabaseUrl(url) : undefined;
    return typeof parts === 'object' && parts.password !== undefined;
  });
}
