import type { z } from 'zod';
import { AfdError } from '../domain/errors.ts';
import type { ConfigFile } from './config-file.ts';
import { CONFIG_KEYS, namesUnder } from './config-keys.ts';
import { didYouMean } from './did-you-mean.ts';

export interface Problem {
  key: string;
  message: string;
  /** `flag --slots`, `env AFD_…`, `file` */
  origin?: string;
  line?: number;
}

const SECRET = /password|api_key|url$/;

/** Collects what is wrong with a configuration, each with its key, its place, and what was probably meant. */
export class Problems {
  readonly list: Problem[] = [];
  readonly #file: ConfigFile | undefined;
  readonly #origins: Record<string, string>;
  readonly #fileName: string | undefined;

  constructor(file: ConfigFile | undefined, origins: Record<string, string>, fileName: string | undefined) {
    this.#file = file;
    this.#origins = origins;
    this.#fileName = fileName;
    for (const message of file?.problems ?? []) this.list.push({ key: '', message });
  }

  add(key: string, message: string): void {
    const path = key.split('.');
    // A value inside handlers or capabilities has the origin of the whole.
    const owner = path.map((_, i) => path.slice(0, path.length - i).join('.')).find((k) => k in this.#origins);
    const origin = owner === undefined ? 'file' : this.#origins[owner]!;
    const line = origin === 'file' ? this.#file?.lineOf(path) : undefined;
    this.list.push({
      key,
      message,
      ...(origin === 'default' ? {} : { origin }),
      ...(line === undefined ? {} : { line }),
    });
  }

  addIssues(issues: readonly z.core.$ZodIssue[], values: unknown): void {
    for (const issue of issues) {
      const key = issue.path.join('.');
      if (issue.code === 'unrecognized_keys') {
        for (const name of issue.keys) this.add(key === '' ? name : `${key}.${name}`, unknownKey(issue.path, name));
      } else {
        this.add(key, sentence(issue, key, valueAt(values, issue.path)));
      }
    }
  }

  /** @throws AfdError E_CONFIG naming every problem. */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    // Flags and environment first, then the file from top to bottom.
    this.list.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    const lines = this.list.map((problem) => `${this.#place(problem)}${problem.key} ${problem.message}`.trim());
    const message =
      lines.length === 1
        ? `The configuration is not valid: ${lines[0]}`
        : `The configuration has ${lines.length} problems:\n${lines.map((line) => `  ${line}`).join('\n')}`;
    throw new AfdError('E_CONFIG', message, {
      data: { ...(this.#file === undefined ? {} : { file: this.#file.path }), problems: this.list },
    });
  }

  #place(problem: Problem): string {
    if (problem.line !== undefined) return `${this.#fileName}:${problem.line}: `;
    if (problem.origin?.startsWith('env ')) return `${problem.origin.slice(4)}: `;
    if (problem.origin?.startsWith('flag ')) return `${problem.origin.slice(5)}: `;
    return '';
  }
}

function unknownKey(path: readonly PropertyKey[], name: string): string {
  // A right name in the wrong section is likelier than a typo.
  const elsewhere = CONFIG_KEYS.filter((key) => key === name || key.endsWith(`.${name}`));
  const here = didYouMean(name, namesUnder(path));
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  const guess = elsewhere[0] ?? (here === undefined ? farGuess(name) : `${prefix}${here}`);
  return `is not a known key${guess === undefined ? '' : `; did you mean ${guess}?`}`;
}

function farGuess(name: string): string | undefined {
  const last = new Map(CONFIG_KEYS.map((key) => [key.split('.').at(-1)!, key]));
  const near = didYouMean(name, last.keys());
  return near === undefined ? undefined : last.get(near);
}

function sentence(issue: z.core.$ZodIssue, key: string, value: unknown): string {
  const shown =
    SECRET.test(key) || typeof value === 'object' || value === undefined ? '' : ` (it is ${JSON.stringify(value)})`;
  if (issue.code === 'invalid_value') {
    const near = typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : undefined;
    return `must be one of ${issue.values.join(', ')}${shown}${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}${shown}`;
  return `${issue.message}${shown}`;
}

function article(expected: string): string {
  if (expected === 'object' || expected === 'record') return 'a section with keys';
  if (expected === 'array') return 'a list';
  if (expected === 'string') return 'text';
  return `a ${expected}`;
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  let at = values;
  for (const part of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[part];
  return at;
}
