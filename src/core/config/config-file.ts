import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { AfdError } from '../domain/errors.ts';

export interface ConfigFile {
  path: string;
  /** What the file says, its root DISTRIBUTION taken away and empty keys left out. */
  values: Record<string, unknown>;
  /** Line of a key, counted from 1; undefined when the file does not have it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
  /** Mistakes in how the file is built (not in its values). */
  problems: string[];
}

const HERE = ['afd.yaml', 'afd.yml', 'afd.json'];
const ROOTS = ['DISTRIBUTION', 'distribution'];

/** The configuration file to read: named, or the first that exists. @throws AfdError E_CONFIG when a named one is missing. */
export function findConfigFile(
  named: string | undefined,
  env: Record<string, string | undefined>,
  cwd: string,
): string | undefined {
  const wanted = named ?? (env.AFD_CONFIG || undefined);
  if (wanted !== undefined) {
    const path = resolve(cwd, wanted);
    if (existsSync(path)) return path;
    const by = named === undefined ? 'AFD_CONFIG' : '--config';
    throw new AfdError('E_CONFIG', `${by} names ${path}, and there is no such file.`, { data: { file: path } });
  }
  const home = env.XDG_CONFIG_HOME || (env.HOME ? join(env.HOME, '.config') : undefined);
  const candidates = [
    ...HERE.map((name) => join(cwd, name)),
    ...(home === undefined ? [] : [join(home, 'afd', 'afd.yaml')]),
    '/etc/afd/afd.yaml',
  ];
  return candidates.find((path) => existsSync(path));
}

/** Reads YAML or JSON (which YAML contains). @throws AfdError E_CONFIG when it cannot be read or is not YAML. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new AfdError('E_CONFIG', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
      data: { file: path },
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const at = broken.linePos?.[0];
    throw new AfdError(
      'E_CONFIG',
      `${path}${at === undefined ? '' : `:${at.line}`} is not valid YAML or JSON: ${wordsOf(broken)}.`,
      { data: { file: path, ...(at === undefined ? {} : { line: at.line }) } },
    );
  }
  const problems: string[] = [];
  const raw: unknown = document.toJS() ?? {};
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new AfdError(
      'E_CONFIG',
      `${path} must hold keys and values, such as "worker: { max_concurrent_tasks: 5 }".`,
      {
        data: { file: path },
      },
    );
  }
  const all = raw as Record<string, unknown>;
  const root = ROOTS.find((name) => name in all);
  let values = all;
  if (root !== undefined) {
    const { [root]: inside, ...beside } = all;
    if (inside !== null && (typeof inside !== 'object' || Array.isArray(inside))) {
      problems.push(`${root} must be a section with keys`);
    } else {
      values = merge((inside ?? {}) as Record<string, unknown>, beside, [], (key) =>
        problems.push(`${key} is given twice: inside ${root} and beside it`),
      );
    }
  }
  const nodeLine = (keys: readonly PropertyKey[]): number | undefined => {
    const parent = document.getIn(keys.slice(0, -1) as unknown[], true) ?? document.contents;
    if (!isMap(parent)) return undefined;
    const pair = parent.items.find((item) => String(item.key) === String(keys.at(-1)));
    const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
    return range === undefined ? undefined : lines.linePos(range[0]).line;
  };
  const lineOf = (keys: readonly PropertyKey[]): number | undefined => {
    for (let length = keys.length; length > 0; length -= 1) {
      const part = keys.slice(0, length);
      const line = (root === undefined ? undefined : nodeLine([root, ...part])) ?? nodeLine(part);
      if (line !== undefined) return line;
    }
    return undefined;
  };
  return { path, values: withoutEmpty(values), lineOf, problems };
}

/** What yaml says, without the place, which stands before it, and without the lines of the file that it repeats. */
function wordsOf({ message }: { message: string }): string {
  return message.split('\n', 1)[0]!.replace(/(?: at line \d+, column \d+)?[:.]?$/, '');
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
    const other = merged[key];
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
