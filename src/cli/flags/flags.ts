// How words on the command line become values, each with an error that says what was expected.
import { Flags } from '@oclif/core';
import { parseDuration } from '../../core/config/duration.ts';
import type { When } from '../../core/context/moment.ts';

/** JSON text that must be an object. `--requires '{"browser_support": true}'` */
export const jsonFlag = Flags.custom<Record<string, unknown>>({
  helpValue: 'JSON',
  parse: async (input) => parseJsonObject(input),
});

/** A moment: ISO 8601, a day, `now`, `tomorrow`, `yesterday`, or a duration from now such as `2h`. */
export const whenFlag = Flags.custom<When>({
  helpValue: 'WHEN',
  parse: async (input) => parseWhen(input, 'ahead'),
});

/** A moment in the past: like `whenFlag`, but a duration such as `2h` is subtracted from now. */
export const sinceFlag = Flags.custom<When>({
  helpValue: 'WHEN',
  parse: async (input) => parseWhen(input, 'ago'),
});

/** Seconds of `30`, `30s`, `5m`, `2h`. */
export const durationFlag = Flags.custom<number>({
  helpValue: 'TIME',
  parse: async (input) => {
    const seconds = parseDuration(input);
    if (seconds !== undefined) return seconds;
    throw new Error(`"${input}" is not a duration: write 30, 30s, 5m or 2h`);
  },
});

export const waitDatabaseFlag = durationFlag({
  summary: 'How long to wait for the database at start (default: 60s; with --once or --drain: 10s). Then exit with 69.',
});

/** @throws Error in a sentence */
export function parseJsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(
      `${shown(text)} is not JSON (${(error as Error).message}); quote it for the shell: '{"key": "value"}'`,
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${shown(text)} must be a JSON object, such as '{"key": "value"}'`);
}

const DAYS: Record<string, number> = { yesterday: -1, today: 0, tomorrow: 1 };
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})?$/i;

/** Without a zone a moment is UTC, as everything that afd prints. @throws Error in a sentence */
export function parseWhen(text: string, durations: 'ahead' | 'ago'): When {
  const word = text.trim();
  if (/^now$/i.test(word)) return { from_now_s: 0 };
  const days = DAYS[word.toLowerCase()];
  if (days !== undefined) return { days_from_today: days };
  // A bare number would be a year to one reader and seconds to another.
  const seconds = /^\+?\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(word) ? parseDuration(word.replace(/^\+/, '')) : undefined;
  if (seconds !== undefined) return { from_now_s: durations === 'ahead' ? seconds : -seconds };
  const parts = MOMENT.exec(word);
  const iso = DAY.test(word)
    ? `${word}T00:00:00Z`
    : parts === null
      ? ''
      : `${parts[1]}T${parts[2]}${(parts[3] ?? 'Z').toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`;
  const moment = Date.parse(iso);
  // 2024-02-31 is read as 2 March by some engines: what comes back must be the same day.
  const day = iso.slice(0, 10);
  const exists = !Number.isNaN(moment) && new Date(Date.parse(`${day}T00:00:00Z`)).toISOString().startsWith(day);
  if (exists) return { at: new Date(moment).toISOString() };
  const words = durations === 'ahead' ? '2h, now, today or tomorrow' : '2h (before now), yesterday, today or now';
  throw new Error(
    `${shown(text)} is not a time: write 2024-01-31, 2024-01-31T12:00:00Z (UTC without a zone), ${words}`,
  );
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}
