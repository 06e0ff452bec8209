import type { z } from 'zod';
import { AfdError } from '../domain/errors.ts';
import { redactText } from '../domain/redaction/redact.ts';
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

/** Keys whose values are in no message: secrets, and whatever a secret may have slipped into. */
const SECRET = /^database(\.(url|host|user|password|password_file|socket|name))?$|(api_key|client_secret)$/;
const GIVEN_TO_HANDLERS = /\.(env|exec)(\.|$)/;
/** Sections in which an unknown key may be the rest of a secret that needed quotes: `{ password: ab, cd: ef }`. */
const HOLDS_SECRETS = /^(database|handlers|master|server\.oidc)\b/;
const WORD = /^[\p{L}\p{N}_.-]+$/u;
const HIDDEN = 'an unknown key; its name is not shown because it may be part of a secret';
/** More are counted, and not listed. */
const MOST = 100;

/** Collects what is wrong with a configuration, each with its key, its place, and what was probably meant. */
export class Problems {
  readonly list: Problem[] = [];
  #more = 0;
  readonly #file: ConfigFile | undefined;
  readonly #origins: Record<string, string>;
  readonly #fileName: string | undefined;

  constructor(file: ConfigFile | undefined, origins: Record<string, string>, fileName: string | undefined) {
    this.#file = file;
    this.#origins = origins;
    this.#fileName = fileName;
    for (const message of file?.problems ?? []) this.list.push({ key: '', message });
  }

  /** `path`: where its line is, if not that of the key. */
  add(key: string, message: string, path: readonly PropertyKey[] = key.split('.')): void {
    if (this.list.length >= MOST) {
      this.#more += 1;
      return;
    }
    // A value inside handlers or capabilities has the origin of the whole.
    const above = path.map((_, i) => path.slice(0, path.length - i).join('.'));
    const owner = above.find((one) => Object.hasOwn(this.#origins, one));
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
        for (const name of issue.keys) this.#addUnknown(issue.path, name, valueAt(values, [...issue.path, name]));
      } else {
        this.add(key, sentence(issue, key, valueAt(values, issue.path)));
      }
    }
  }

  #addUnknown(path: readonly PropertyKey[], name: string, value: unknown): void {
    // The search for what was meant costs something.
    if (this.list.length >= MOST) {
      this.#more += 1;
      return;
    }
    const section = path.join('.');
    const renamed = renamedKey(path, name, value);
    if (renamed !== undefined) {
      this.add(`${section}.${name}`, renamed);
      return;
    }
    const guess = guessOf(path, name);
    if (!WORD.test(name) || (guess === undefined && HOLDS_SECRETS.test(section))) {
      this.add(section, section === '' ? `There is ${HIDDEN}` : `contains ${HIDDEN}`, [...path, name]);
      return;
    }
    this.add(
      section === '' ? name : `${section}.${name}`,
      `is not a known key${guess === undefined ? '' : `; did you mean ${guess}?`}`,
    );
  }

  /** @throws AfdError E_CONFIG naming every problem. */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    // Flags and environment first, then the file from top to bottom.
    this.list.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    const lines = this.list.map((problem) => `${this.#place(problem)}${problem.key} ${problem.message}`.trim());
    if (this.#more > 0) lines.push(`and ${this.#more} more`);
    const message =
      lines.length === 1
        ? `The configuration is not valid: ${lines[0]}`
        : `The configuration has ${this.list.length + this.#more} problems:\n${lines.map((line) => `  ${line}`).join('\n')}`;
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

/** What `handlers.<type>.thread` was called before it was `isolation`. */
const ISOLATION_OF = new Map([
  ['main', 'none'],
  ['shared', 'thread'],
  ['own', 'process'],
]);

/** What to write in the place of a key that had another name before; undefined when there never was such a key. */
function renamedKey(path: readonly PropertyKey[], name: string, value: unknown): string | undefined {
  if (path.length !== 2 || path[0] !== 'handlers' || name !== 'thread') return undefined;
  const now = ISOLATION_OF.get(String(value));
  return `is now "isolation"; write "isolation: ${now ?? 'none'}"${now === undefined ? ', "thread" or "process"' : ''}`;
}

function guessOf(path: readonly PropertyKey[], name: string): string | undefined {
  // A right name in the wrong section is likelier than a typo.
  const elsewhere = CONFIG_KEYS.filter((key) => key === name || key.endsWith(`.${name}`));
  const here = didYouMean(name, namesUnder(path));
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  return elsewhere[0] ?? (here === undefined ? farGuess(name) : `${prefix}${here}`);
}

function farGuess(name: string): string | undefined {
  const last = new Map(CONFIG_KEYS.map((key) => [key.split('.').at(-1)!, key]));
  const near = didYouMean(name, last.keys());
  return near === undefined ? undefined : last.get(near);
}

function sentence(issue: z.core.$ZodIssue, key: string, value: unknown): string {
  const secret = SECRET.test(key) || (key.startsWith('handlers.') && GIVEN_TO_HANDLERS.test(key));
  const hidden = secret || typeof value === 'object' || value === undefined || isSection(issue);
  const shown = hidden ? '' : ` (it is ${redactText(JSON.stringify(value))})`;
  if (issue.code === 'invalid_value') {
    const near = typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : undefined;
    return `must be one of ${issue.values.join(', ')}${shown}${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}${shown}`;
  return `${issue.message}${shown}`;
}

function isSection(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' && (issue.expected === 'object' || issue.expected === 'record');
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
