import { existsSync, type Stats } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { AfdError } from '../domain/errors.ts';
import { parseYaml } from './config-yaml.ts';
import type { FoundFile } from './database-sources.ts';
import { readSmallFile } from './small-file.ts';

export interface ConfigFile {
  path: string;
  /** What the file says, its root DISTRIBUTION taken away and empty keys left out. */
  values: Record<string, unknown>;
  /** Line of a key, counted from 1; undefined when the file does not have it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
  /** Mistakes in how the file is built (not in its values). */
  problems: string[];
  /** Stat of the very file that was read. */
  facts: Stats;
}

const HERE = ['afd.yaml', 'afd.yml', 'afd.json'];
const ROOTS = ['DISTRIBUTION', 'distribution'];

/** The configuration file to read: named, or the first that exists. @throws AfdError E_CONFIG when a named one is missing. */
export function findConfigFile(
  named: string | undefined,
  env: Record<string, string | undefined>,
  cwd: string,
): FoundFile | undefined {
  const wanted = named ?? (env.AFD_CONFIG || undefined);
  if (wanted !== undefined) {
    const path = resolve(cwd, wanted);
    if (existsSync(path)) return { path, name: nameOf(cwd, path), chosen: true };
    const by = named === undefined ? 'AFD_CONFIG' : '--config';
    if (wanted.includes('://')) {
      throw new AfdError(
        'E_CONFIG',
        `${by} takes the path of a file, not a URL; set AFD_DATABASE_URL to the database URL.`,
      );
    }
    throw new AfdError('E_CONFIG', `${by} names ${path}, but this file does not exist.`, { data: { file: path } });
  }
  const home = env.XDG_CONFIG_HOME || (env.HOME ? join(env.HOME, '.config') : undefined);
  const here = HERE.map((name) => join(cwd, name)).find((path) => existsSync(path));
  if (here !== undefined) return { path: here, name: nameOf(cwd, here), chosen: false };
  const candidates = [...(home === undefined ? [] : [join(home, 'afd', 'afd.yaml')]), '/etc/afd/afd.yaml'];
  const path = candidates.find((one) => existsSync(one));
  return path === undefined ? undefined : { path, name: nameOf(cwd, path), chosen: true };
}

function nameOf(cwd: string, path: string): string {
  const below = relative(cwd, path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
}

/** Reads YAML or JSON (which YAML contains). @throws AfdError E_CONFIG when it cannot be read or is not YAML. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const { text, facts } = await readSmallFile(path).catch((cause: Error) => {
    throw new AfdError('E_CONFIG', `${path} cannot be read: ${cause.message}`, { cause, data: { file: path } });
  });
  const parsed = parseYaml(text.replace(/^\uFEFF/, ''));
  if ('problem' in parsed) {
    const { problem, line } = parsed;
    throw new AfdError(
      'E_CONFIG',
      `${path}${line === undefined ? '' : `:${line}`} is not valid YAML or JSON: ${problem}.`,
      { data: { file: path, ...(line === undefined ? {} : { line }) } },
    );
  }
  const problems: string[] = [];
  const raw = parsed.value ?? {};
  if (!isSection(raw)) {
    const message = `${path} must contain keys and values, such as "worker: { max_concurrent_tasks: 5 }".`;
    throw new AfdError('E_CONFIG', message, { data: { file: path } });
  }
  const root = ROOTS.find((name) => Object.hasOwn(raw, name));
  let values = raw;
  if (root !== undefined) {
    const { [root]: inside, ...beside } = raw;
    if (inside !== null && !isSection(inside)) {
      problems.push(`${root} must be a section with keys`);
    } else {
      values = merge(inside ?? {}, beside, [], (key) =>
        problems.push(`${key} is set twice: under ${root} and as a separate key`),
      );
    }
  }
  const lineOf = (keys: readonly PropertyKey[]): number | undefined => {
    for (let length = keys.length; length > 0; length -= 1) {
      const part = keys.slice(0, length);
      const line = (root === undefined ? undefined : parsed.lineOf([root, ...part])) ?? parsed.lineOf(part);
      if (line !== undefined) return line;
    }
    return undefined;
  };
  return { path, values: withoutEmpty(values), lineOf, problems, facts };
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function merge(
  inside: Record<string, unknown>,
  beside: Record<string, unknown>,
  path: string[],
  twice: (key: string) => void,
): Record<string, unknown> {
  const merged = { ...inside };
  for (const [key, value] of Object.entries(beside)) {
    const other = Object.hasOwn(merged, key) ? merged[key] : undefined;
    if (other === undefined || other === null) merged[key] = value;
    else if (isSection(other) && isSection(value)) merged[key] = merge(other, value, [...path, key], twice);
    else if (value !== null) twice([...path, key].join('.'));
  }
  return merged;
}

/** `worker:` with every line under it commented out is null: the same as not there. */
function withoutEmpty(values: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === undefined) continue;
    kept[key] = isSection(value) ? withoutEmpty(value) : value;
  }
  return kept;
}
