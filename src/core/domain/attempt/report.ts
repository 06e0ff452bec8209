// What a running attempt may report of itself, and its limits.
import { cleanText } from '../text/error-text.ts';
import { fitText } from '../text/fit-text.ts';
import { jsonSnapshot } from '../text/json-snapshot.ts';

/** Bytes of a checkpoint as JSON. */
export const CHECKPOINT_BYTES = 64 * 1024;
/** Metrics of one attempt. */
export const MOST_METRICS = 32;
/** Characters of a metric's name. */
export const METRIC_NAME = 64;
/** Characters of a progress message. */
export const PROGRESS_MESSAGE = 255;

export interface Progress {
  /** In a unit of the handler's choice: rows, bytes, steps. */
  done: number;
  /** In the same unit; null = not known. */
  total: number | null;
  message: string | null;
}

/** What an attempt used, as far as it is known. */
export interface AttemptUsage {
  /** Bytes. */
  peak_memory: number | null;
  /** Milliseconds of CPU time. */
  cpu_ms: number | null;
}

export type Checked<T> = T | { problem: string };

/** Never throws: a report must not fail the work that it is about. */
export function progressOf(done: unknown, total: unknown, message: unknown): Checked<Progress> {
  if (!isAmount(done)) return { problem: `progress: done is ${shown(done)}, which is not a number from 0 up` };
  if (total !== undefined && total !== null && !isAmount(total)) {
    return { problem: `progress: total is ${shown(total)}, which is not a number from 0 up` };
  }
  if (message !== undefined && message !== null && typeof message !== 'string') {
    return { problem: `progress: the message is ${shown(message)}, which is not a text` };
  }
  return { done, total: total ?? null, message: message ? shortText(message, PROGRESS_MESSAGE) : null };
}

/** Never throws. */
export function metricOf(name: unknown, value: unknown): Checked<{ name: string; value: number }> {
  const short = typeof name === 'string' ? shortText(name, METRIC_NAME) : null;
  if (short === null) return { problem: `metric: ${shown(name)} is not a name` };
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return { problem: `metric ${short}: ${shown(value)} is not a finite number` };
  }
  return { name: short, value };
}

/** A copy of a checkpoint, as the next attempt gets it. Never throws. */
export function checkpointOf(value: unknown): Checked<{ value: unknown }> {
  const copy = jsonSnapshot(value, CHECKPOINT_BYTES);
  return 'problem' in copy ? { problem: `The checkpoint ${copy.problem}.` } : copy;
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** On one line, at most this many characters; null = nothing is left. */
function shortText(text: string, characters: number): string | null {
  // A character has at most two units, and what is cleaned away may come first.
  const line = cleanText(text.slice(0, characters * 8))
    .replace(/\s+/gu, ' ')
    .trim();
  return line === '' ? null : fitText(line, { characters, bytes: characters * 4, holds: 'all' });
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' || value === null
    ? String(value)
    : `a ${typeof value}`;
}
