// Many tasks from a file or a pipe. Rows are checked as they come; each chunk goes in by a transaction of its own, while
// the next is being read. Whatever ends it early says how many are in and where to go on.
import { type BatchAsked, BatchOfInput } from '../batches/batch-of-input.ts';
import type { Context } from '../context/context.ts';
import { momentFrom, type When } from '../context/moment.ts';
import type { Producer } from '../context/producer.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { handledTypes } from '../db/devices/handled-types.ts';
import { databaseNowMs } from '../db/rows.ts';
import { AfdError } from '../domain/errors.ts';
import type { NewTask } from '../domain/task/task.ts';
import { TaskDoubts } from '../tasks/task-doubts.ts';
import { csvRows } from './csv-rows.ts';
import { type ReadOptions, readRow } from './import-columns.ts';
import type { ImportResult } from './import-result.ts';
import type { ImportRow } from './import-row.ts';
import { type ImportFormat, type ImportInput, openInput } from './input-start.ts';
import { jsonlRows } from './jsonl-rows.ts';
import { stoppedByDatabase, stoppedByRow, type TypedImport } from './stopped-import.ts';

export type { ImportFormat, ImportInput, ImportResult };

export interface ImportOptions {
  format?: ImportFormat | undefined;
  /** task_type of rows that name none. */
  defaultType?: string | undefined;
  /** Count bad rows instead of stopping at the first. */
  skipBad: boolean;
  /** All rows or none, in one transaction. */
  atomic: boolean;
  /** Check everything, add nothing. */
  dryRun: boolean;
  /** Into which they are added; undefined = into none. */
  batch?: BatchAsked | undefined;
  /** Rows that begin before this line are passed over. */
  fromLine?: number | undefined;
  /** Stops between two chunks, and while waiting for input. */
  stop: AbortSignal;
  /** What stands in run_at. @throws Error in a sentence */
  parseWhen: (text: string) => When;
  typed: TypedImport;
  onProgress?: (result: ImportResult) => void;
}

const MIB = 1024 * 1024;
/** What one transaction adds at most: rows, or bytes of the input. */
const CHUNK = { rows: 1000, bytes: 8 * MIB };
/**
 * Of one `--atomic` import: its rows are held in memory, where they take up to sixteen times as much, and their locks
 * until the end.
 */
export const MOST_ATOMIC = { rows: 200_000, bytes: 64 * MIB };
const TOLD = 20;

/** @throws AfdError E_USAGE (`data`: what is in), DatabaseError's code with the same data */
export async function importTasks(context: Context, input: ImportInput, options: ImportOptions): Promise<ImportResult> {
  const { stream } = input;
  const end = () => stream.destroy();
  options.stop.addEventListener('abort', end, { once: true });
  try {
    const producer = await context.producer();
    const now = await databaseNowMs(await producer.session());
    const read = {
      defaultType: options.defaultType,
      readWhen: (text: string) => momentFrom(now, options.parseWhen(text)),
    };
    const doubts = new TaskDoubts(now, await handledTypes(await producer.session(), context.names));
    return await new Import(producer, input, options, doubts).run(read);
  } finally {
    options.stop.removeEventListener('abort', end);
    stream.destroy();
  }
}

class Import {
  readonly #batch: BatchOfInput;
  readonly #input: ImportInput;
  readonly #o: ImportOptions;
  readonly #doubts: TaskDoubts;
  readonly #result: ImportResult = {
    added: 0,
    existing: 0,
    bad: 0,
    lines: 0,
    batch_id: null,
    complete: false,
    problems: [],
    warnings: [],
  };
  #waiting: NewTask[] = [];
  /** The row that ended it, as it is reported. */
  #badRow: AfdError | undefined;
  /** Bytes of the input that wait. */
  #bytes = 0;
  /** Last line that was read. */
  #line = 0;
  #sending: Promise<void> = Promise.resolve();

  constructor(producer: Producer, input: ImportInput, options: ImportOptions, doubts: TaskDoubts) {
    this.#batch = new BatchOfInput(producer, options.batch);
    this.#doubts = doubts;
    this.#input = input;
    this.#o = options;
  }

  async run(read: ReadOptions): Promise<ImportResult> {
    const { stop } = this.#o;
    try {
      const start = await openInput(this.#input, this.#o.format);
      for await (const row of start.format === 'csv' ? csvRows(start) : jsonlRows(start)) {
        if (stop.aborted) break;
        await this.#take(row, read);
      }
    } catch (error) {
      // A stream that was ended from outside says so in its own way; what was sent before is still waited for.
      if (!stop.aborted) throw await this.#ended(error);
    }
    if (!stop.aborted) {
      await this.#send(this.#waiting);
      this.#result.complete = true;
    }
    await this.#sending;
    if (this.#result.complete && !this.#o.dryRun) await this.#seal();
    return { ...this.#result, warnings: this.#doubts.sentences };
  }

  async #seal(): Promise<void> {
    await this.#batch.end();
    this.#result.batch_id = this.#batch.id;
  }

  async #take(row: ImportRow, read: ReadOptions): Promise<void> {
    const { skipBad, atomic, fromLine = 0 } = this.#o;
    if (row.line < fromLine) return;
    const made = 'problem' in row ? row : readRow(row.fields, read);
    if ('problem' in made) {
      const problem = { line: row.line, problem: made.problem };
      if (!skipBad) {
        this.#badRow = new AfdError('E_USAGE', `Line ${row.line}: ${made.problem}.`, { data: { ...problem } });
        throw this.#badRow;
      }
      this.#result.bad += 1;
      if (this.#result.problems.length < TOLD) this.#result.problems.push(problem);
    } else {
      this.#waiting.push(made.task);
      this.#doubts.check(made.task, row.line);
      this.#bytes += row.bytes;
    }
    this.#line = row.last;
    const rows = this.#waiting.length;
    if (atomic && (rows > MOST_ATOMIC.rows || this.#bytes > MOST_ATOMIC.bytes)) throw tooMuchAtOnce();
    if (!atomic && (rows >= CHUNK.rows || this.#bytes >= CHUNK.bytes)) await this.#send(this.#waiting);
  }

  /** Waits for the chunk before, and begins this one: one is under way while the next is being read. */
  async #send(tasks: NewTask[]): Promise<void> {
    this.#waiting = [];
    this.#bytes = 0;
    const upTo = this.#line;
    await this.#sending;
    this.#sending = this.#insert(tasks, upTo);
    // Read by the next chunk or by the end of the import, which report it.
    this.#sending.catch(() => {});
  }

  async #insert(tasks: NewTask[], upTo: number): Promise<void> {
    const result = this.#result;
    if (tasks.length > 0 && !this.#o.dryRun) {
      try {
        const answers = await this.#batch.add(tasks);
        result.batch_id = this.#batch.id;
        const added = answers.filter((one) => one.created).length;
        result.added += added;
        result.existing += answers.length - added;
      } catch (error) {
        throw stoppedByDatabase(error, result, { upTo, typed: this.#o.typed, unknown: isConnectionLost(error) });
      }
    }
    result.lines = upTo;
    this.#o.onProgress?.(result);
  }

  /** What was read well before a bad row goes in; then its error, with what is in. */
  async #ended(cause: unknown): Promise<unknown> {
    const { atomic, dryRun, typed, fromLine } = this.#o;
    const error = brokenInput(cause) ?? cause;
    const told = !(error instanceof AfdError) || error.data.added !== undefined;
    if (told || !(error.code === 'E_USAGE' || error.code === 'E_FAILED')) {
      // The first error is the one that is reported; `added` and `lines` say how far the chunk that was under way came.
      await this.#sending.catch(() => {});
      return error;
    }
    try {
      if (!atomic) await this.#send(this.#waiting);
      await this.#sending;
    } catch (worse) {
      return worse;
    }
    return stoppedByRow(error, this.#result, {
      typed,
      fromLine,
      nothing: atomic || dryRun,
      skippable: error === this.#badRow,
    });
  }
}

function tooMuchAtOnce(): AfdError {
  const most = `${MOST_ATOMIC.rows} rows or ${MOST_ATOMIC.bytes / MIB} MiB`;
  return new AfdError('E_USAGE', `The input has more than ${most}, the maximum of one transaction.`, {
    suggestions: ['afd tasks import --help'],
  });
}

/** A disk or a pipe that fails says which call it was. */
function brokenInput(error: unknown): AfdError | undefined {
  if (error instanceof AfdError || typeof (error as NodeJS.ErrnoException).syscall !== 'string') return undefined;
  return new AfdError('E_FAILED', `The input ended unexpectedly: ${(error as Error).message}.`, { cause: error });
}
