import { ERROR_TEXT_BYTES } from './error-text.ts';

/** Characters by which a cause is found again in the text above it: to search for a page within a page can take hours. */
const KNOWN_BY = 256;

/** The text of anything that was thrown, with up to three causes: `fetch failed (cause: connect ECONNREFUSED …)`. */
export function thrownText(error: unknown): string {
  const texts = [ownText(error)];
  let cause = causeOf(error);
  for (let level = 0; cause !== undefined && level < 3; level += 1) {
    const text = ownText(cause);
    if (!texts.some((earlier) => earlier.includes(text.slice(0, KNOWN_BY)))) texts.push(text);
    cause = causeOf(cause);
  }
  return (
    texts[0]! +
    texts
      .slice(1)
      .map((text) => ` (cause: ${text})`)
      .join('')
  );
}

/** The class of anything that was thrown: its name, or that of its constructor where the name says nothing. */
export function thrownClass(error: unknown): string {
  if (!(error instanceof Error) && !hasText(error, 'name')) return 'Error';
  const { name } = error as { name: string };
  const made = (error as object).constructor as { name?: unknown } | undefined;
  return name === 'Error' && typeof made?.name === 'string' && made.name !== '' ? made.name : name;
}

/** At most what `errorText` reads. */
function ownText(error: unknown): string {
  return wholeText(error).slice(0, ERROR_TEXT_BYTES * 4);
}

function wholeText(error: unknown): string {
  if (error === undefined) return 'undefined was thrown';
  for (const key of ['error_message', 'message', 'error', 'reason'] as const) {
    if (hasText(error, key)) return error[key];
  }
  if (error instanceof AggregateError) return error.errors.slice(0, 3).map(ownText).join('; ');
  if (error instanceof Error) return error.name;
  if (typeof error === 'object') return JSON.stringify(error) ?? String(error);
  return String(error);
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { cause?: unknown }).cause : undefined;
}

function hasText<K extends string>(value: unknown, key: K): value is Record<K, string> {
  if (typeof value !== 'object' || value === null) return false;
  const text = (value as Record<K, unknown>)[key];
  return typeof text === 'string' && text !== '';
}
