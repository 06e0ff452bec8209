// Configuration is resolved once, with the origin of every value, all problems at once, and warnings apart from errors.
import { dirname, relative } from 'node:path';
import type { DatabaseAddress } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';
import { slotsOf } from '../domain/slots.ts';
import { findConfigFile, readConfigFile } from './config-file.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { Problems } from './config-problems.ts';
import { type Config, configSchema } from './config-schema.ts';
import { dangers, notUsedYet } from './config-warnings.ts';
import { namesDatabase, resolveAddress } from './database-address.ts';
import { getValue, setValue } from './dotted.ts';
import { readEnvironment } from './environment.ts';

/** `fleet`: the database says so (core/settings), over whatever this node was given. */
export type Origin = 'default' | 'file' | `env ${string}` | `flag ${string}` | 'embedded server' | 'fleet';

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
  /** The part of `warnings` that every command repeats: what was most likely mistyped. */
  typos: string[];
  database: DatabaseAddress;
}

export interface LoadOptions {
  /** --config. */
  file?: string | undefined;
  env: Record<string, string | undefined>;
  /** Values given on the command line, each with the flag's name and its dotted key. */
  flags?: Array<{ flag: string; key: string; value: unknown }>;
  cwd: string;
  /** URL of the embedded server of this folder; asked only when nothing names a database. */
  embeddedUrl?: ((dir: string) => Promise<string | undefined> | string | undefined) | undefined;
}

/** @throws AfdError E_CONFIG with every problem, or when nothing names a database. */
export async function loadConfig(options: LoadOptions): Promise<ResolvedConfig> {
  const resolved = await resolveConfig(options);
  if (resolved.database === undefined) {
    throw new AfdError(
      'E_CONFIG',
      'No database is configured: set AFD_DATABASE_URL=mysql://user:password@host:port/schema or database.url in afd.yaml, or start a private server here.',
      { suggestions: ['afd db start'] },
    );
  }
  return { ...resolved, database: resolved.database };
}

/** Like loadConfig, for those who can do without a database. @throws AfdError E_CONFIG with every problem. */
export async function resolveConfig(
  options: LoadOptions,
): Promise<Omit<ResolvedConfig, 'database'> & { database: DatabaseAddress | undefined }> {
  const { env, cwd, flags = [] } = options;
  const path = findConfigFile(options.file, env, cwd);
  const file = path === undefined ? undefined : await readConfigFile(path);
  const baseDir = path === undefined ? cwd : dirname(path);
  const environment = readEnvironment(env);

  const values = structuredClone(file?.values ?? {});
  const origins: Record<string, Origin> = {};
  for (const key of CONFIG_KEYS) origins[key] = getValue(values, key) === undefined ? 'default' : 'file';
  const above: Array<{ key: string; value: unknown; origin: Origin }> = [
    ...environment.values.map(({ key, name, value }) => ({ key, value, origin: `env ${name}` as const })),
    ...flags.map(({ flag, key, value }) => ({ key, value, origin: `flag ${flag}` as const })),
  ];
  for (const { key, value, origin } of above) {
    if (value === undefined) continue;
    setValue(values, key, value);
    origins[key] = origin;
  }

  const problems = new Problems(file, origins, path === undefined ? undefined : relative(cwd, path) || path);
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) problems.addIssues(parsed.error.issues, values);
  problems.throwIfAny();
  const config = parsed.data as Config;
  const slots = slotsOf(config.worker.capabilities);
  if (slots !== undefined && origins['worker.max_concurrent_tasks'] === 'default') {
    config.worker.max_concurrent_tasks = slots;
    origins['worker.max_concurrent_tasks'] = origins['worker.capabilities'] ?? 'file';
  }

  if (!namesDatabase(config.database)) {
    const url = await options.embeddedUrl?.(cwd);
    if (url !== undefined) {
      config.database.url = url;
      origins['database.url'] = 'embedded server';
    }
  }
  const database = namesDatabase(config.database)
    ? resolveAddress({
        database: config.database,
        baseDir,
        rank: (key) => rankOf(origins[key]),
        problem: (key, message) => problems.add(key, message),
      })
    : undefined;
  problems.throwIfAny();
  const typos = environment.warnings;
  const warnings = nodeWarnings({ config, typos, database }, (key) => origins[key] !== 'default');
  return {
    config,
    file: path,
    baseDir,
    origins,
    typos,
    warnings,
    database,
  };
}

/** What a node with this configuration says when it starts. `given`: whether anybody gave this key a value. */
export function nodeWarnings(
  { config, typos, database }: { config: Config; typos: string[]; database: DatabaseAddress | undefined },
  given: (key: string) => boolean,
): string[] {
  return [...typos, ...dangers(config, database), ...notUsedYet(given, database !== undefined)];
}

function rankOf(origin: Origin | undefined): number {
  if (origin === undefined || origin === 'default') return 0;
  if (origin === 'file' || origin === 'embedded server') return 1;
  return origin.startsWith('env ') ? 2 : 3;
}
