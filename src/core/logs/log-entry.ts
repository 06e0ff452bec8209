// What a reader of run logs gets, in order.
import { inflateRawSync } from 'node:zlib';
import type { AttemptState } from '../db/logs/logged-attempts.ts';
import type { StoredPiece } from '../db/logs/read-log.ts';
import { decodeLines, type LogLine, type LogStream, streamOf } from '../domain/run-log/log-line.ts';

interface OfAttempt {
  task_id: number;
  attempt: number;
  device_id: string;
}

export type LogEntry =
  | (OfAttempt & {
      kind: 'line';
      /** ISO 8601 UTC, by the clock of the device. */
      time: string;
      stream: LogStream;
      /** Of a line of `ctx.log`. */
      level: string | null;
      text: string;
    })
  /** Output that was not kept, in bytes. */
  | (OfAttempt & { kind: 'gap'; dropped_bytes: number })
  /** A line that cannot be read back. */
  | (OfAttempt & { kind: 'unreadable'; message: string })
  /** What follows is of this attempt. */
  | (AttemptState & { kind: 'attempt' })
  /** It has ended, and its log is complete. */
  | (AttemptState & { kind: 'attempt_end' })
  | { kind: 'task_end'; task_id: number; status: string };

/** Which lines are wanted. */
export interface LogFilter {
  stream?: LogStream | undefined;
  pattern?: Pick<RegExp, 'test'> | undefined;
  /** Milliseconds since 1970. */
  sinceMs?: number | undefined;
}

/** A stored piece cannot make its reader allocate more than this, in bytes. */
const MOST_TEXT = 16 * 1_048_576;

/** The lines of a piece that are wanted. */
export function entriesOf(piece: StoredPiece, filter: LogFilter): LogEntry[] {
  const { task_id, attempt, device_id } = piece;
  const of = { task_id, attempt, device_id };
  let lines: LogLine[];
  try {
    lines = decodeLines(inflateRawSync(piece.body, { maxOutputLength: MOST_TEXT }).toString('utf8'));
  } catch (error) {
    const message = `${piece.to_byte - piece.from_byte} bytes of output cannot be read: ${(error as Error).message}`;
    return [{ kind: 'unreadable', ...of, message }];
  }
  return lines.filter((line) => isWanted(line, filter)).map((line) => ({ kind: 'line', ...of, ...shown(line) }));
}

/** Output that is missing between the end of one piece and the beginning of the next. */
export function gapBefore(piece: StoredPiece, endBefore: number): LogEntry[] {
  const dropped_bytes = piece.from_byte - endBefore;
  if (dropped_bytes <= 0) return [];
  const { task_id, attempt, device_id } = piece;
  return [{ kind: 'gap', task_id, attempt, device_id, dropped_bytes }];
}

function isWanted(line: LogLine, { stream, pattern, sinceMs }: LogFilter): boolean {
  if (stream !== undefined && streamOf(line.source) !== stream) return false;
  if (sinceMs !== undefined && line.at < sinceMs) return false;
  return pattern === undefined || pattern.test(line.text);
}

function shown({ at, source, text }: LogLine) {
  const stream = streamOf(source);
  // Written by a device, whose clock may say anything.
  const time = Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : 'invalid';
  return { time, stream, level: stream === 'log' ? source : null, text };
}
