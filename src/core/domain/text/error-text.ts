/** Bytes of an error text as it is stored. TEXT holds 65,535; a longer one would be refused and the row not written. */
export const ERROR_TEXT_BYTES = 8192;
/** Characters of an error class. */
const CLASS = 64;

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const TERMINAL_SEQUENCE = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

/**
 * Text that every column, terminal and log line can take: no terminal sequences, no control characters except newline
 * and tab, no half surrogates.
 */
export function cleanText(text: string): string {
  return text
    .replace(TERMINAL_SEQUENCE, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\p{Cs}/gu, '\ufffd');
}

/** The beginning of a text in at most `bytes` bytes of UTF-8, never ending inside a character; `…` shows the cut. */
export function truncateBytes(text: string, bytes: number): string {
  const encoded = new TextEncoder().encode(text.slice(0, bytes + 1));
  if (encoded.length <= bytes) return text;
  let end = bytes - 3;
  while (end > 0 && (encoded[end]! & 0xc0) === 0x80) end -= 1;
  return `${new TextDecoder().decode(encoded.subarray(0, end))}…`;
}

/** An error text as it may be stored: cleaned, not empty, at most 8 KB. */
export function errorText(text: string, fallback = 'no message'): string {
  const cleaned = cleanText(text.slice(0, ERROR_TEXT_BYTES * 4)).trim();
  return truncateBytes(cleaned === '' ? fallback : cleaned, ERROR_TEXT_BYTES);
}

/** A stored error text with something at its end that is not cut off. */
export function withEnd(text: string, end: string): string {
  return truncateBytes(text, ERROR_TEXT_BYTES - new TextEncoder().encode(end).length) + end;
}

/** A short name that groups equal failures, as af_task_assignment.error_class takes it (64 plain characters). */
export function errorClass(name: unknown, fallback = 'Error'): string {
  const plain =
    typeof name === 'string'
      ? name
          .slice(0, CLASS * 4)
          .replace(/[^\w.:-]+/g, '_')
          .slice(0, CLASS)
      : '';
  return plain === '' ? fallback : plain;
}
