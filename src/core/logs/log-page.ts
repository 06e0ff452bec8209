// The run logs of a task, page by page. A page holds a session only while it is read, so that many readers can follow a log; the
// place where it ends is all that is remembered between two pages.
import type { Context } from '../context/context.ts';
import { attemptLog } from '../db/logs/read-log.ts';
import { databaseNowMs } from '../db/rows.ts';
import { AfdError } from '../domain/errors.ts';
import type { AttemptState } from './attempt-reader.ts';
import { taskAttempts } from './attempt-reader.ts';
import { entriesOf, gapBefore, type LogEntry, type LogFilter } from './log-entry.ts';
import { MOST_ATTEMPTS } from './task-log.ts';

/** Where a page ends: in the log of this attempt, before this byte of output, behind this number of entries of the piece there. */
export interface LogPlace {
  attempt: number;
  byte: number;
  skip: number;
}

export interface LogPageOptions extends LogFilter {
  task_id: number;
  /** Only this attempt. */
  attempt?: number | undefined;
  /** Absent = from the beginning. */
  place?: LogPlace | undefined;
  /** Lines. */
  limit: number;
}

export interface LogPage {
  entries: LogEntry[];
  /** Where the next page begins, also when there is nothing there yet. */
  place: LogPlace;
  /** There is more than this page. */
  more: boolean;
  /** Nothing more will come: the task, or the attempt that was asked for, has ended, and all was read. */
  ended: boolean;
  now: string;
}

/** Bytes of output that one page reads at most, whether its lines are wanted or not. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Characters of its lines. */
const MOST_TEXT = 512 * 1024;
/** A device writes once a second: after the end of an attempt its last lines come within this. */
const LAST_LINES_MS = 1500;

/** @throws AfdError E_NOT_FOUND: no such task or attempt; DatabaseError */
export async function logPage(context: Context, options: LogPageOptions): Promise<LogPage> {
  const { task_id, attempt: only, place } = options;
  const session = await context.session();
  const { names } = context;
  const task = await taskAttempts(session, names, task_id, place?.attempt ?? only ?? 1);
  const attempts = chosen(task.attempts, only, place);
  if (only !== undefined && attempts.length === 0)
    throw new AfdError('E_NOT_FOUND', `Task ${task_id} has no attempt ${only}.`, {
      suggestions: [`afd tasks show ${task_id}`],
    });
  const page = new Page(options);
  for (const [n, attempt] of attempts.entries()) {
    page.begin(attempt);
    for (;;) {
      const pieces = await attemptLog(session, names, attempt, page.place.byte);
      for (const piece of pieces) if (!page.full) page.add(piece);
      if (page.full || pieces.length === 0) break;
    }
    if (page.full) break;
    // The next attempt is read only when this one is complete.
    if (!isComplete(attempt)) break;
    page.end(attempt);
    if (n === attempts.length - 1) page.ended = only !== undefined || isOver(task.status);
  }
  if (attempts.length === 0) page.ended = isOver(task.status);
  const { entries, place: end, full, ended } = page;
  return { entries, place: end, more: full, ended, now: new Date(await databaseNowMs(session)).toISOString() };
}

class Page {
  readonly entries: LogEntry[] = [];
  place: LogPlace;
  full = false;
  ended = false;
  readonly #o: LogPageOptions;
  #bytes = 0;
  #text = 0;
  #lines = 0;

  constructor(options: LogPageOptions) {
    this.#o = options;
    this.place = options.place ?? { attempt: 0, byte: 0, skip: 0 };
  }

  begin(attempt: AttemptState): void {
    if (this.place.attempt === attempt.attempt) return;
    this.place = { attempt: attempt.attempt, byte: 0, skip: 0 };
    this.entries.push({ kind: 'attempt', ...attempt });
  }

  add(piece: Parameters<typeof entriesOf>[0]): void {
    const all = [...gapBefore(piece, this.place.byte), ...entriesOf(piece, this.#o)];
    const skip = this.place.byte > piece.from_byte ? 0 : this.place.skip;
    this.#bytes += piece.to_byte - piece.from_byte;
    for (const [n, entry] of all.entries()) {
      if (n < skip) continue;
      if (this.#lines >= this.#o.limit || this.#text >= MOST_TEXT) {
        this.place = { ...this.place, skip: n };
        this.full = true;
        return;
      }
      this.entries.push(entry);
      this.#lines += 1;
      this.#text += entry.kind === 'line' ? entry.text.length : 0;
    }
    this.place = { ...this.place, byte: Math.max(piece.to_byte, this.place.byte + 1), skip: 0 };
    this.full = this.#bytes >= MOST_BYTES;
  }

  end(attempt: AttemptState): void {
    if (this.place.skip === -1) return;
    this.place = { ...this.place, skip: -1 };
    this.entries.push({ kind: 'attempt_end', ...attempt });
  }
}

function isComplete({ ended_ms_ago: age }: AttemptState): boolean {
  return age !== null && age >= LAST_LINES_MS;
}

function isOver(status: string): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

function chosen(attempts: AttemptState[], only: number | undefined, place: LogPlace | undefined): AttemptState[] {
  if (only !== undefined) return attempts.filter((one) => one.attempt === only);
  return place === undefined ? attempts.slice(-MOST_ATTEMPTS) : attempts;
}
