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
/** Keys of afd (the id in them is no secret) and secrets of its webhooks, in whatever text, also as a part of a URL. */
const API_KEY = /(afd_[0-9A-Za-z]{8}_)[0-9A-Za-z]{20,43}(?:_[0-9A-Za-z]{0,6})?/g;
const WEBHOOK_SECRET = /whsec_(?:[0-9A-Za-z+/]|%2[BF]){16,128}(?:=|%3D){0,2}/gi;
/** What `afd secrets key` writes; its id is no secret. */
const FLEET_KEY = /(afd-fleet-key-1(?: |%20)[0-9a-f]{16}(?: |%20))[0-9A-Za-z_-]{43}/g;
const CREDENTIALS = /\b(Bearer|Basic) [0-9A-Za-z._~+/-]{20,}={0,2}/gi;
/** What ends a value without quotes. */
const STOPS = new Set('&;,)}]"\'<>|');
/** What refers to a secret, or stands for one. */
const NO_VALUE =
  /^["'\\]{0,4}(?:\*\*\*|secret:[A-Za-z0-9]|\$\{|(?:null|undefined|true|false|none)(?:$|[\s&;,)}\]"'<>|]))/;
/** Characters that tell it. */
const NO_VALUE_LENGTH = 16;
const SLASH = 47;
const COLON = 58;
const AT = 64;
const EQUAL = 61;
const BACKSLASH = 92;
/** Between a name and its value: characters of the rest of the name, and blanks. */
const MOST_REST = 40;
const MOST_BLANKS = 8;

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
  const end = at + name.length;
  const between = separatorAfter(text, end);
  if (between === undefined) return undefined;
  const { from, separator, joined } = between;
  // The start of the text decides: reading it to its end here would read it twice, since the search continues behind it.
  if (NO_VALUE.test(text.slice(from, from + NO_VALUE_LENGTH))) return undefined;
  const opening = quoteAt(text, from);
  if (opening !== '') return quoted(text, from + opening.length, opening);
  const inSentence = !between.quoted && separator === COLON;
  if (inSentence) {
    if (lines.isHeader(name, from)) return { from, to: lines.end(from) };
    // `secret:NAME` is a reference.
    if (name === 'secret' && joined) return undefined;
    if (isAboutSecret(text.slice(at, between.nameEnd))) return undefined;
  }
  // `a == b` compares.
  if (separator === EQUAL && text.charCodeAt(from) === EQUAL) return undefined;
  const token = tokenAt(text, from);
  if (token === '') return undefined;
  const to = from + token.length;
  if (inSentence && !joined && isProse(text, token, to, goesOn)) return undefined;
  return { from, to: cookiesUntil(text, name, to) };
}

interface Separator {
  /** Where the name ends, and where the value begins. */
  nameEnd: number;
  from: number;
  separator: number;
  /** The name is within quotes. */
  quoted: boolean;
  /** Nothing but the separator is between them. */
  joined: boolean;
}

/** `_OF_X = `, `": `, `'] => `; undefined = no value follows the name. */
function separatorAfter(text: string, end: number): Separator | undefined {
  let at = end;
  while (at - end < MOST_REST && isOfName(text.charCodeAt(at))) at += 1;
  const nameEnd = at;
  const quote = quoteAt(text, at);
  at += quote.length;
  if (quote !== '' && text[at] === ']') at += 1;
  at = afterBlanks(text, at);
  const separator = text.charCodeAt(at);
  if (separator !== EQUAL && separator !== COLON) return undefined;
  const behind = separator === EQUAL && text[at + 1] === '>' ? at + 2 : at + 1;
  const from = afterBlanks(text, behind);
  return { nameEnd, from, separator, quoted: quote !== '', joined: nameEnd === at && from === at + 1 };
}

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (at - from < MOST_BLANKS && (text[at] === ' ' || text[at] === '\t')) at += 1;
  return at;
}

/** Letters, digits, `_ - . ]`. */
function isOfName(code: number): boolean {
  if (code === 93 || code === 95 || code === 45 || code === 46) return true;
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
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
    const next = tokenAt(text, end + 2);
    if (!next.includes('=')) break;
    end += 2 + next.length;
  }
  return end;
}

function tokenAt(text: string, from: number): string {
  let end = from;
  while (end < text.length && !STOPS.has(text[end]!) && !isSpace(text.charCodeAt(end))) end += 1;
  return text.slice(from, end);
}

/** A quote with the backslashes before it (JSON within JSON); '' = there is none. */
function quoteAt(text: string, from: number): string {
  let at = from;
  while (at - from < MOST_BLANKS && text.charCodeAt(at) === BACKSLASH) at += 1;
  return text[at] === '"' || text[at] === "'" ? text.slice(from, at + 1) : '';
}

function endsUser(code: number): boolean {
  return code === COLON || code === SLASH || code === AT || isSpace(code);
}

/** As `\s` of a regular expression. */
function isSpace(code: number): boolean {
  if (code < 128) return code === 32 || (code >= 9 && code <= 13);
  return String.fromCharCode(code).trim() === '';
}
