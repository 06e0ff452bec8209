// The lines of a run log, and the text in which a piece of them is stored.

/** Where a line came from. `afd` = the worker itself, about the attempt. */
export type LogSource = 'stdout' | 'stderr' | 'debug' | 'info' | 'warn' | 'error' | 'afd';

export interface LogLine {
  /** Milliseconds since 1970, by the device's wall clock: shown, never compared. */
  at: number;
  source: LogSource;
  /** Without control characters but tabs, and without a newline. */
  text: string;
}

/** One character for each source, so that a stored line costs little. */
const CODES: Record<LogSource, string> = {
  stdout: 'o',
  stderr: 'e',
  debug: 'd',
  info: 'i',
  warn: 'w',
  error: 'x',
  afd: 'a',
};
const SOURCES = Object.fromEntries(Object.entries(CODES).map(([source, code]) => [code, source as LogSource]));

/** What `--stream` filters by: a line of `ctx.log` is `log`, whatever its level. */
export type LogStream = 'stdout' | 'stderr' | 'log' | 'afd';

export function streamOf(source: LogSource): LogStream {
  return source === 'stdout' || source === 'stderr' || source === 'afd' ? source : 'log';
}

/** A line for each log line: milliseconds since the one before (of the first: since 1970) in base 36, the source, the text. */
export function encodeLines(lines: LogLine[]): string {
  let before = 0;
  let text = '';
  for (const line of lines) {
    text += `${(line.at - before).toString(36)} ${CODES[line.source]}${line.text}\n`;
    before = line.at;
  }
  return text;
}

/** @throws Error when the text is not what encodeLines writes */
export function decodeLines(text: string): LogLine[] {
  let at = 0;
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const blank = line.indexOf(' ');
      const source = SOURCES[line[blank + 1] ?? ''];
      const step = Number.parseInt(line.slice(0, Math.max(blank, 0)), 36);
      if (source === undefined || Number.isNaN(step)) throw new Error('a stored piece of a run log cannot be read');
      at += step;
      return { at, source, text: line.slice(blank + 2) };
    });
}
