// What a text tells to be secret: a known value, a password in an address, a key by its shape, what follows a telling name. The
// text may be that of a crawled page, so every step is linear in it.
import type { SecretMask } from './secret-mask.ts';
import { isAboutSecret, NAMES_IN_TEXT } from './secret-names.ts';

export interface TextRedaction {
  /** What is known by its value. */
  mask?: SecretMask | undefined;
  /** The text is the beginning of a longer one: what may be a part of a secret at its end is taken for one. */
  goesOn?: boolean;
}

/** What our own examples use as a password. */
const PLACEHOLDER = 'password';
const SHOWN = '***';
/** Keys of afd (the id in them is no secret) and secrets of its webhooks, in whatever text. */
const API_KEY = /(afd_[0-9A-Za-z]{8}_)[0-9A-Za-z]{20,43}(?:_[0-9A-Za-z]{0,6})?/g;
const WEBHOOK_SECRET = /whsec_[0-9A-Za-z+/]{16,128}={0,2}/g;
/** What `afd secrets key` writes; its id is no secret. */
const FLEET_KEY = /(afd-fleet-key-1 [0-9a-f]{16} )[0-9A-Za-z_-]{43}/g;
const CREDENTIALS = /\b(Bearer|Basic) [0-9A-Za-z._~+/-]{20,8192}={0,2}/gi;
/** Between a name and its value: the rest of the name, the quote at its end (escaped, in JSON within JSON), the separator. */
const BETWEEN = /[\w.\]-]{0,40}(\\{0,3}["'])?[ \t]{0,3}(=>|[=:])[ \t]{0,8}/y;
const QUOTE = /\\{0,3}["']/y;
const TOKEN = /[^\s&;,)}\]"'<>|]{1,8192}/y;
/** What refers to a secret, or stands for one. */
const NO_VALUE =
  /["'\\]{0,4}(?:\*\*\*|secret:[A-Za-z0-9]|\$\{|(?:null|undefined|true|false|none)(?![^\s&;,)}\]"'<>|]))/y;
const SLASH = 47;
const COLON = 58;
const AT = 64;
const BACKSLASH = 92;

export function redactText(text: string, { mask, goesOn = false }: TextRedaction = {}): string {
  const known = mask === undefined ? text : mask.applyCut(text, goesOn);
  return withoutNamed(withoutKeys(withoutPasswords(known, goesOn)), goesOn);
}

/**
 * `mysql://user:secret@host` → `mysql://user:***@host`. Up to the last "@" before a space: a password may hold one
 * unencoded.
 */
function withoutPasswords(text: string, goesOn: boolean): string {
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
    shown += `${text.slice(copied, colon)}:${SHOWN}`;
    copied = end;
  }
  return copied === 0 ? text : shown + text.slice(copied);
}

function withoutKeys(text: string): string {
  let shown = text.includes('afd_') ? text.replace(API_KEY, `$1${SHOWN}`) : text;
  if (shown.includes('whsec_')) shown = shown.replace(WEBHOOK_SECRET, `whsec_${SHOWN}`);
  if (shown.includes('afd-fleet-key')) shown = shown.replace(FLEET_KEY, `$1${SHOWN}`);
  return shown.includes(' ') ? shown.replace(CREDENTIALS, `$1 ${SHOWN}`) : shown;
}

/** `password=…`, `"token": "…"`, `Cookie: …`, `?secret=…`. */
function withoutNamed(text: string, goesOn: boolean): string {
  if (!text.includes('=') && !text.includes(':')) return text;
  let shown = '';
  let copied = 0;
  const lines = new Lines(text);
  NAMES_IN_TEXT.lastIndex = 0;
  for (let found = NAMES_IN_TEXT.exec(text); found !== null; found = NAMES_IN_TEXT.exec(text)) {
    const value = valueAfter(lines, found.index, found[0], goesOn);
    if (value === undefined) continue;
    shown += text.slice(copied, value.from) + SHOWN;
    copied = value.to;
    NAMES_IN_TEXT.lastIndex = copied;
  }
  return copied === 0 ? text : shown + text.slice(copied);
}

interface Span {
  from: number;
  to: number;
}

function valueAfter(lines: Lines, at: number, name: string, goesOn: boolean): Span | undefined {
  const { text } = lines;
  const between = matchAt(BETWEEN, text, at + name.length);
  if (between === undefined) return undefined;
  const [all, closing, separator] = between;
  const from = at + name.length + all!.length;
  // What is told here must not be searched to its end first: it is not left out of the search that goes on behind it.
  if (matchAt(NO_VALUE, text, from) !== undefined) return undefined;
  const opening = matchAt(QUOTE, text, from)?.[0];
  if (opening !== undefined) return quoted(text, from + opening.length, opening);
  const inSentence = separator === ':' && closing === undefined;
  if (inSentence) {
    if (lines.isHeader(name, from)) return { from, to: lines.end(from) };
    // `secret:NAME` is a reference.
    if (name === 'secret' && all === ':') return undefined;
    if (isAboutSecret(text.slice(at, from - all!.length + all!.indexOf(':')).trimEnd())) return undefined;
  }
  const token = matchAt(TOKEN, text, from)?.[0];
  // `a == b` compares.
  if (token === undefined || (separator === '=' && token.startsWith('='))) return undefined;
  const to = from + token.length;
  if (inSentence && all !== ':' && isProse(text, token, to, goesOn)) return undefined;
  return { from, to: cookiesUntil(text, name, to) };
}

/** To the same quote, and to the end of the text where there is none. */
function quoted(text: string, from: number, quote: string): Span | undefined {
  let to = text.indexOf(quote, from);
  // An escaped one belongs to the value.
  while (quote.length === 1 && to > from && text.charCodeAt(to - 1) === BACKSLASH) to = text.indexOf(quote, to + 1);
  if (to === -1) to = text.length;
  return to === from ? undefined : { from, to };
}

/** Each line is searched once for its end and its last "=", however many names it has. */
class Lines {
  readonly text: string;
  #end = -1;
  #lastEqual = -1;

  constructor(text: string) {
    this.text = text;
  }

  end(from: number): number {
    if (from <= this.#end) return this.#end;
    const found = this.text.indexOf('\n', from);
    this.#end = found === -1 ? this.text.length : found;
    this.#lastEqual = this.text.slice(from, this.#end).lastIndexOf('=') + from;
    return this.#end;
  }

  /** Their values have blanks: `Authorization: Basic …`, `Cookie: a=1; b=2`. */
  isHeader(name: string, from: number): boolean {
    const lower = name.toLowerCase();
    if (lower !== 'authorization' && lower !== 'cookie') return false;
    const end = this.end(from);
    return end > from && (lower === 'authorization' || this.#lastEqual >= from);
  }
}

/** `database.password: must be a text`: a word in a sentence, and no value. */
function isProse(text: string, token: string, to: number, goesOn: boolean): boolean {
  const ends = to >= text.length ? !goesOn : text.charCodeAt(to) === 10;
  if (ends || !isSpace(text.charCodeAt(to))) return false;
  return /^[A-Za-z]{1,30}$/.test(token) || /^[.~]?\//.test(token);
}

/** `cookie=a=1; b=2`. */
function cookiesUntil(text: string, name: string, to: number): number {
  if (name.toLowerCase() !== 'cookie') return to;
  let end = to;
  while (text.startsWith('; ', end)) {
    const next = matchAt(TOKEN, text, end + 2)?.[0];
    if (next?.includes('=') !== true) break;
    end += 2 + next.length;
  }
  return end;
}

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at;
  return expression.exec(text) ?? undefined;
}

function endsUser(code: number): boolean {
  return code === COLON || code === SLASH || code === AT || isSpace(code);
}

/** As `\s` of a regular expression. */
function isSpace(code: number): boolean {
  if (code < 128) return code === 32 || (code >= 9 && code <= 13);
  return String.fromCharCode(code).trim() === '';
}
