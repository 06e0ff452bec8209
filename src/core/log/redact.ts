// Secrets never reach a log line: neither under a telling name, nor inside a database URL. What is redacted may be the
// text of a crawled page, so every step here is linear in the text, and a log line has limits in addition.

/** Names of secret keys, variables and flags. */
export const SECRET_NAME =
  /pass(word|wd|phrase)|pgpass|secret|token|(api|access|private)[-_]?key|authorization|bearer|cookie|credential|dsn/i;
/** What our own examples use as a password. */
const PLACEHOLDER = 'password';
/** Objects within objects; what lies deeper is not shown. */
const DEPTH = 8;
/** Characters of a key that are shown; no key of ours is as long. */
const NAME = 256;
const SLASH = 47;
const COLON = 58;
const AT = 64;

export interface RedactLimits {
  /** Values at all levels together; those of the upper levels come first. */
  values: number;
  /** Characters of one text. */
  text: number;
  /** Characters of all texts together. */
  characters: number;
}

/** For a value of our own, such as the configuration: nothing of it is cut, and a graph of links still ends. */
const WHOLE: RedactLimits = {
  values: 100_000,
  text: Number.POSITIVE_INFINITY,
  characters: Number.POSITIVE_INFINITY,
};

/**
 * `mysql://user:secret@host` → `mysql://user:***@host`. Up to the last "@" before a space: a password may hold one
 * unencoded. `goesOn`: the text is the beginning of a longer one, so what may be a password at its end is taken for one.
 */
export function redactText(text: string, goesOn = false): string {
  let shown = '';
  let copied = 0;
  // Of the run without a space that was searched last. It is searched once, however many addresses it holds.
  let runEnd = 0;
  let lastAt = -1;
  for (let scheme = text.indexOf('://'); scheme !== -1; scheme = text.indexOf('://', Math.max(scheme + 3, copied))) {
    let colon = scheme + 3;
    while (colon < text.length && !endsUser(text.charCodeAt(colon))) colon += 1;
    if (text.charCodeAt(colon) !== COLON) continue;
    if (runEnd <= colon) {
      lastAt = -1;
      for (runEnd = colon; runEnd < text.length; runEnd += 1) {
        const code = text.charCodeAt(runEnd);
        if (code === AT) lastAt = runEnd;
        else if (isSpace(code)) break;
      }
    }
    const end = goesOn && runEnd === text.length ? runEnd : lastAt;
    if (end <= colon + 1 || text.slice(colon + 1, end) === PLACEHOLDER) continue;
    shown += `${text.slice(copied, colon)}:***`;
    copied = end;
  }
  return copied === 0 ? text : shown + text.slice(copied);
}

/** A text without secrets, and its beginning only when it has more than `most` characters, with a note of how many were cut. */
export function redactBeginning(text: string, most: number): string {
  if (text.length <= most) return redactText(text);
  // Do not cut between the two halves of a character.
  const end = isHighSurrogate(text.charCodeAt(most - 1)) ? most - 1 : most;
  return `${redactText(text.slice(0, end), true)}… (${text.length - end} more characters)`;
}

/**
 * A copy without secrets. Level by level, so that what a limit leaves out is the deepest; `[deeper]`, `[circular]` and
 * `… (n more)` stand for what is not there.
 */
export function redact(value: unknown, limits: RedactLimits = WHOLE): unknown {
  const left = { ...limits };
  const open: Open[] = [];
  const root = copyOf(value, undefined, left, open);
  for (const one of open) fill(one, left, open);
  return root;
}

/** An object or list whose copy is still empty. */
interface Open {
  source: object;
  copy: Record<string, unknown> | unknown[];
  depth: number;
  above: Open | undefined;
}

function copyOf(value: unknown, above: Open | undefined, left: RedactLimits, open: Open[]): unknown {
  if (typeof value === 'string') return textOf(value, left);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return textOf(String(value.message), left);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  for (let one = above; one !== undefined; one = one.above) if (one.source === value) return '[circular]';
  const depth = above === undefined ? 0 : above.depth + 1;
  if (depth > DEPTH) return '[deeper]';
  const copy = Array.isArray(value) ? [] : {};
  open.push({ source: value, copy, depth, above });
  return copy;
}

function fill(one: Open, left: RedactLimits, open: Open[]): void {
  const { source, copy } = one;
  if (Array.isArray(copy)) {
    const list = source as unknown[];
    const shown = Math.min(list.length, left.values);
    left.values -= shown;
    for (let n = 0; n < shown; n += 1) copy.push(copyOf(list[n], one, left, open));
    if (shown < list.length) copy.push(`… (${list.length - shown} more)`);
    return;
  }
  const names = Object.keys(source);
  const shown = Math.min(names.length, left.values);
  left.values -= shown;
  for (const name of names.slice(0, shown)) {
    const secret = name.length > NAME || SECRET_NAME.test(name);
    const own = (source as Record<string, unknown>)[name];
    const value = secret && own !== null && own !== undefined ? '***' : copyOf(own, one, left, open);
    // Not by assignment, which for `__proto__` would set something else.
    Object.defineProperty(copy, redactBeginning(name, NAME), { value, enumerable: true, configurable: true });
  }
  if (shown < names.length) copy['…'] = `(${names.length - shown} more)`;
}

function textOf(text: string, left: RedactLimits): string {
  const shown = redactBeginning(text, Math.min(left.text, left.characters));
  left.characters = Math.max(0, left.characters - text.length);
  return shown;
}

function endsUser(code: number): boolean {
  return code === COLON || code === SLASH || code === AT || isSpace(code);
}

/** As `\s` of a regular expression. */
function isSpace(code: number): boolean {
  if (code < 128) return code === 32 || (code >= 9 && code <= 13);
  return String.fromCharCode(code).trim() === '';
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
