// Writes what attempts print: once a second, in batches, on a connection of its own, so that no claim waits for it. Without
// output there is no connection, no statement and no timer that fires.

import type { LogTrim } from '../../db/logs/trim-log.ts';
import type { LogPiece } from '../../db/logs/write-log.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import type { LogPort } from '../port/log-port.ts';
import { AttemptLog, type AttemptLogOptions } from './attempt-log.ts';
import type { LogFiles } from './log-files.ts';

/** Readers see a line after at most this, and the time of their own poll. */
const WRITE_MS = 1000;
/** Output that waits for the database, of all attempts together. */
const MOST_WAITING = 64 * 1_048_576;
/** Memory of a log beside its output, about. */
const OVERHEAD = 2048;
/** Fewer bytes beyond the quota are not worth a DELETE. */
const TRIM_STEP = 131_072;
/** Milliseconds that writing what is left at the stop may take, and between two tries. */
const LEAVE_MS = 2000;
const RETRY_MS = 200;
/** Rounds in which one attempt alone keeps the writer busy. */
const MOST_BATCHES = 16;

export interface RunLogsOptions {
  port: LogPort;
  /** Files that have the same lines; closed at the stop. */
  files?: LogFiles | undefined;
  events: Pick<Events, 'emit'>;
}

/** A service: `stop()` writes what is left, if the database answers. */
export class RunLogs extends Service {
  readonly #options: RunLogsOptions;
  readonly #open = new Set<AttemptLog>();
  #wake: (() => void) | undefined;
  /** Logs that were dropped while nothing could be written. */
  #dropped = 0;
  /** Why nothing can be written; told once for each cause. */
  #trouble: string | undefined;
  /** The answer to the last INSERT did not come: it may have been done. */
  #inDoubt = false;

  constructor(options: RunLogsOptions) {
    super();
    this.#options = options;
  }

  /** The log of an attempt that has begun to print. */
  open(options: AttemptLogOptions): AttemptLog {
    const log = new AttemptLog(options);
    this.#open.add(log);
    this.#wake?.();
    return log;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    while (!signal.aborted) {
      if (this.#open.size === 0) await this.#something(signal);
      await sleep(WRITE_MS, signal);
      await this.#round();
    }
    await this.#leave();
    await this.#options.port.close();
    await this.#options.files?.close();
  }

  /** Writes what is left, also of handlers that go on: nothing reads them any more. */
  async #leave(): Promise<void> {
    for (const log of this.#open) log.end(true);
    for (const end = monotonic() + LEAVE_MS; this.#open.size > 0; await sleep(RETRY_MS)) {
      await this.#round();
      if (monotonic() > end) return;
    }
  }

  /** Resolves when an attempt prints for the first time. */
  async #something(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async #round(): Promise<void> {
    if (this.#open.size === 0) return;
    try {
      await this.#options.port.ready();
      if (this.#inDoubt) await this.#resolveDoubt();
      for (let n = 0; n < MOST_BATCHES && (await this.#writeBatch()); n += 1);
      for (const log of this.#open) if (log.complete) this.#open.delete(log);
      this.#tellBack();
    } catch (error) {
      this.#tell((error as Error).message);
      this.#shorten();
    }
  }

  /** False = nothing was left to write. */
  async #writeBatch(): Promise<boolean> {
    const { port } = this.#options;
    const batch: LogPiece[] = [];
    const most = port.mostBytes;
    let size = 0;
    let more = false;
    for (const log of this.#open) {
      for (const piece of log.pieces()) {
        more = size > 0 && size + piece.body.length > most;
        if (more) break;
        batch.push(piece);
        size += piece.body.length;
      }
      if (more) break;
    }
    if (batch.length > 0) {
      this.#inDoubt = true;
      const ends = new Map(batch.map((one) => [keyOf(one), one.to_byte]));
      const written = [...this.#open].filter((log) => ends.has(keyOf(log.options)));
      const trims = written.flatMap(trimOf);
      await port.write(
        batch,
        trims.map((one) => one.trim),
      );
      this.#inDoubt = false;
      for (const log of written) log.written(ends.get(keyOf(log.options))!);
      for (const { log, tailFrom } of trims) log.trimmedTo = tailFrom;
    }
    return more;
  }

  async #resolveDoubt(): Promise<void> {
    const doubtful = [...this.#open].filter((log) => log.doubtful);
    if (doubtful.length > 0) {
      const found = await this.#options.port.written(doubtful.map((log) => log.options));
      const ends = new Map(found.map((one) => [keyOf(one), one.to_byte]));
      for (const log of doubtful) log.written(ends.get(keyOf(log.options)) ?? 0);
    }
    this.#inDoubt = false;
  }

  /** Bytes that wait to be written. */
  get waiting(): number {
    let bytes = 0;
    for (const log of this.#open) bytes += log.waiting + OVERHEAD;
    return bytes;
  }

  /** What waits is bounded: the largest give their middle, and the logs of attempts that ended first are dropped. */
  #shorten(): void {
    if (this.waiting <= MOST_WAITING) return;
    for (const log of this.#open) log.shorten(MOST_WAITING / this.#open.size / 2);
    let over = this.waiting - MOST_WAITING;
    for (const log of this.#open) {
      if (over <= 0) break;
      if (!log.ended) continue;
      over -= log.waiting + OVERHEAD;
      this.#open.delete(log);
      this.#dropped += 1;
    }
  }

  #tellBack(): void {
    if (this.#trouble === undefined) return;
    const dropped = this.#dropped === 0 ? '' : `; those of ${this.#dropped} attempts were dropped meanwhile`;
    this.#options.events.emit('note', { message: `run logs are written again${dropped}` });
    this.#trouble = undefined;
    this.#dropped = 0;
  }

  #tell(why: string): void {
    if (this.#trouble === why) return;
    this.#trouble = why;
    const message = `run logs cannot be written, and their output waits in memory (the newest is kept): ${why}`;
    this.#options.events.emit('warning', { message });
  }
}

/** What of this log is beyond its quota, if that is worth a DELETE. */
function trimOf(log: AttemptLog): Array<{ log: AttemptLog; tailFrom: number; trim: LogTrim }> {
  const { tailFrom, trimmedTo, quota, options, ended } = log;
  if (tailFrom - trimmedTo <= (ended ? 0 : TRIM_STEP)) return [];
  const { task_id, attempt } = options;
  return [{ log, tailFrom, trim: { task_id, attempt, head: quota.head, tailFrom } }];
}

function keyOf({ task_id, attempt }: { task_id: number; attempt: number }): string {
  return `${task_id} ${attempt}`;
}
