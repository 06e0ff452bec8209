// The one function in front of whatever afd shows or stores of what it did not write itself: logs, run logs, JSON, events,
// errors, the audit. A secret is found under a telling name, by its value, by its shape and inside an address. What is redacted
// may be the text of a crawled page, so every step here is linear in the text, and a log line has limits in addition.
import { redactText } from './redact-text.ts';
import type { SecretMask } from './secret-mask.ts';
import { SECRET_NAME } from './secret-names.ts';

export { redactText, SECRET_NAME };

/** Objects within objects; what lies deeper is not shown. */
const DEPTH = 8;
/** Of data of a task: no JSON that a server takes is deeper (`JSON_DEPTH`), or 100 levels on MySQL. */
const DEEPEST = 100;
/** Characters of a key that are shown; no key of ours is as long. */
const NAME = 256;

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

export interface Redaction {
  /** What is known by its value. */
  mask?: SecretMask | undefined;
  limits?: RedactLimits;
  /** Levels. */
  depth?: number;
}

/** A text without secrets, and its beginning only when it has more than `most` characters, with a note of how many were cut. */
export function redactBeginning(text: string, most: number, mask?: SecretMask): string {
  if (text.length <= most) return redactText(text, { mask });
  let end = most;
  // No secret is divided, so what is masked is seen whole.
  if (mask !== undefined && most > 0) end = mask.cutBefore(text.slice(0, most + mask.longest), most);
  // Do not cut between the two halves of a character.
  if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
  const beginning = text.slice(0, end);
  const known = mask === undefined ? beginning : mask.applyCut(beginning);
  return `${redactText(known, { goesOn: true })}… (${text.length - end} more characters)`;
}

/**
 * A copy without secrets. Level by level, so that what a limit leaves out is the deepest; `[deeper]`, `[circular]` and
 * `… (n more)` stand for what is not there.
 */
export function redact(value: unknown, { mask, limits = WHOLE, depth = DEPTH }: Redaction = {}): unknown {
  const left: Left = { ...limits, mask, depth };
  const open: Open[] = [];
  const root = copyOf(value, undefined, left, open);
  for (const one of open) fill(one, left, open);
  return root;
}

/** A payload or a result as it is shown; who works with it, or exports it, has it as it is. */
export function redactData(value: unknown): unknown {
  return redact(value, { depth: DEEPEST });
}

interface Left extends RedactLimits {
  mask: SecretMask | undefined;
  depth: number;
}

/** An object or list whose copy is still empty. */
interface Open {
  source: object;
  copy: Record<string, unknown> | unknown[];
  depth: number;
  above: Open | undefined;
}

function copyOf(value: unknown, above: Open | undefined, left: Left, open: Open[]): unknown {
  if (typeof value === 'string') return textOf(value, left);
  if (typeof value === 'number' || typeof value === 'bigint') return numberOf(value, left.mask);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return textOf(String(value.message), left);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  for (let one = above; one !== undefined; one = one.above) if (one.source === value) return '[circular]';
  const depth = above === undefined ? 0 : above.depth + 1;
  if (depth > left.depth) return '[deeper]';
  const copy = Array.isArray(value) ? [] : {};
  open.push({ source: value, copy, depth, above });
  return copy;
}

function fill(one: Open, left: Left, open: Open[]): void {
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
    Object.defineProperty(copy, redactBeginning(name, NAME, left.mask), {
      value,
      enumerable: true,
      configurable: true,
    });
  }
  if (shown < names.length) copy['…'] = `(${names.length - shown} more)`;
}

function textOf(text: string, left: Left): string {
  const shown = redactBeginning(text, Math.min(left.text, left.characters), left.mask);
  left.characters = Math.max(0, left.characters - text.length);
  return shown;
}

function numberOf(value: number | bigint, mask: SecretMask | undefined): unknown {
  if (mask === undefined) return value;
  const text = String(value);
  return mask.apply(text) === text ? value : '***';
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
