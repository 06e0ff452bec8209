import { StringDecoder } from 'node:string_decoder';
import { redactText } from '../redaction/redact-text.ts';
import type { SecretMask } from '../redaction/secret-mask.ts';
import { cleanText } from '../text/error-text.ts';
import type { LogLine, LogSource } from './log-line.ts';
import type { RawChunk } from './run-log-buffer.ts';

/** Characters of a line; a longer one becomes several. */
export const LINE_LENGTH = 8192;
/** Of a cut line, at the end of each part but the last. */
const CUT = '…';
/** What needs no cleaning: tabs and printable ASCII. */
const PLAIN = /^[\t\x20-\x7e]*$/;

interface OpenLine {
  decoder: StringDecoder;
  text: string;
  /** When its first byte came. */
  at: number;
  /** Its beginning was not kept, so nothing of it is. */
  skipping: boolean;
}

/**
 * Takes chunks of output apart into lines: decoded (invalid UTF-8 becomes U+FFFD), masked before they are cut, then
 * without terminal sequences and control characters. Each stream has a line of its own open; the others are whole.
 */
export class LineSplitter {
  readonly #mask: SecretMask;
  readonly #open = new Map<LogSource, OpenLine>();

  constructor(mask: SecretMask) {
    this.#mask = mask;
  }

  /** The lines that these bytes complete. */
  split({ source, content, at }: Pick<RawChunk, 'source' | 'content' | 'at'>): LogLine[] {
    return typeof content === 'string' ? this.#whole(source, content, at) : this.#bytes(source, content, at);
  }

  #whole(source: LogSource, text: string, at: number): LogLine[] {
    const lines: LogLine[] = [];
    for (const line of text.includes('\n') ? text.split('\n') : [text]) {
      const rest = this.#cut(line, at, source, lines);
      if (rest !== undefined) this.#add(lines, this.#mask.apply(rest), at, source, false);
    }
    return lines;
  }

  #bytes(source: LogSource, bytes: Buffer, at: number): LogLine[] {
    const open = this.#openLine(source, at);
    if (open.text === '') open.at = at;
    const parts = (open.text + open.decoder.write(bytes)).split(/\r\n|\n|\r(?!$)/);
    const lines: LogLine[] = [];
    for (const [n, part] of parts.entries()) {
      const whole = n < parts.length - 1;
      if (open.skipping) {
        open.text = '';
        if (whole) open.skipping = false;
        continue;
      }
      const rest = this.#cut(part, open.at, source, lines);
      if (rest === undefined) {
        open.text = '';
        open.skipping = !whole;
      } else if (whole) {
        this.#add(lines, this.#mask.apply(rest), open.at, source, false);
        open.at = at;
      } else open.text = rest;
    }
    return lines;
  }

  /** Output was dropped here: the open lines end, and what follows up to the next line is their rest. */
  gap(): LogLine[] {
    const lines = [...this.#open].flatMap(([source, open]) => this.#end(source, open, true));
    for (const open of this.#open.values()) open.skipping = true;
    return lines;
  }

  /** The streams have ended: their last lines had no newline. */
  end(): LogLine[] {
    return [...this.#open].flatMap(([source, open]) => this.#end(source, open, false));
  }

  #end(source: LogSource, open: OpenLine, torn: boolean): LogLine[] {
    const text = open.text + open.decoder.end();
    open.text = '';
    if (open.skipping || text === '') return [];
    const lines: LogLine[] = [];
    const rest = this.#cut(text, open.at, source, lines);
    if (rest === undefined) return lines;
    const masked = torn ? this.#mask.applyTorn(rest) : this.#mask.apply(rest);
    this.#add(lines, masked, open.at, source, torn);
    return lines;
  }

  /** Adds what is longer than a line allows, and returns the rest; undefined = a secret goes on there, and nothing of it is kept. */
  #cut(text: string, at: number, source: LogSource, lines: LogLine[]): string | undefined {
    let rest = text;
    // With more behind the cut than the longest secret has, so that each secret at the cut is seen whole.
    while (rest.length > LINE_LENGTH + this.#mask.longest) {
      let end = this.#mask.cutBefore(rest, LINE_LENGTH);
      const blank = rest.lastIndexOf(' ', end);
      // An address with a password is not cut in two, if it is shorter than half a line.
      if (blank > LINE_LENGTH / 2) end = blank + 1;
      else if ((rest.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
      const masked = this.#mask.apply(rest.slice(0, end));
      this.#add(lines, masked, at, source, true);
      if (!masked.endsWith('***') && redactText(masked, { goesOn: true }).endsWith('***')) return undefined;
      rest = rest.slice(end);
    }
    return rest;
  }

  #add(lines: LogLine[], masked: string, at: number, source: LogSource, goesOn: boolean): void {
    const shown = redactText(masked, { goesOn });
    const text = (PLAIN.test(shown) ? shown : cleanText(shown)).trimEnd();
    if (text === '') return;
    const more = goesOn ? CUT : '';
    if (!text.includes('\n')) lines.push({ at, source, text: text + more });
    else for (const line of text.split('\n')) lines.push({ at, source, text: line + more });
  }

  #openLine(source: LogSource, at: number): OpenLine {
    let open = this.#open.get(source);
    if (open === undefined) {
      open = { decoder: new StringDecoder('utf8'), text: '', at, skipping: false };
      this.#open.set(source, open);
    }
    return open;
  }
}
