// Tasks out of the database into a stream of lines, in the order of their ids. Each task is seen once; one that changes
// meanwhile is seen in either state, and one that is added meanwhile is not seen.
import type { Context } from '../context/context.ts';
import { isTransient } from '../db/database-error.ts';
import { completedTask, type ExportRow, exportedTask, exportPart } from '../db/export/export-part.ts';
import { firstOfStretch, type Stretch, wholeStretch } from '../db/export/export-stretch.ts';
import type { Session } from '../db/session.ts';
import type { TaskConditions } from '../db/tasks/task-filter.ts';
import { AfdError } from '../domain/errors.ts';
import type { ExportedTask } from '../domain/task/task-record.ts';
import { checkedFilter, checkStatus } from '../tasks/task-filter.ts';
import { lostOutput } from './export-file.ts';
import { type ExportFormat, rowWriter } from './export-rows.ts';

/** Tasks that one statement reads at most, whether they fit the filter or not. */
const STRETCH = 5000;
/** Tasks of one part. */
const PART = { first: 200, most: 2000 };
/** Characters that are written at once. */
const CHUNK = 256 * 1024;
/** How often a part is asked for again, each time a smaller one. */
const MOST_TRIES = 4;

export interface ExportOptions {
  filter: TaskConditions;
  /** Only tasks that this submitter has added. */
  owner?: string | undefined;
  format: ExportFormat;
  /** A terminal reads it. */
  terminal: boolean;
  stop: AbortSignal;
  /**
   * Lends a session for one read; absent = one session for all of them, or the replica's. While `write` waits, none is held. */
  lend?: (<T>(read: (session: Session) => Promise<T>) => Promise<T>) | undefined;
  /**
   * Takes a part of the text, and resolves when there is room for more; false = nobody reads
   * any further, or `stop` was aborted. Rejects when it is lost. */
  write(text: string): Promise<boolean>;
  onProgress(soFar: ExportProgress): void;
  /** A part was read from the replica `where`, which is behind the writer by this many seconds at most. */
  onReplica?(where: string, delayS: number): void;
}

export interface ExportProgress {
  /** Tasks that were written. */
  tasks: number;
  /** Of the table that was read, 0 to 1. */
  share: number;
}

export interface ExportEnd {
  tasks: number;
  bytes: number;
  /** False = it was stopped. */
  complete: boolean;
}

/** @throws AfdError E_USAGE, E_NOT_FOUND for the filter; what `write` throws; DatabaseError: `data.tasks` were written */
export async function exportTasks(context: Context, options: ExportOptions): Promise<ExportEnd> {
  checkStatus(options.filter.status, 'afd tasks export');
  const lend = options.lend ?? (await ownSession(context, options));
  // Somebody who sees no devices learns from no refusal which there are.
  const filter =
    options.owner === undefined
      ? await lend((session) => checkedFilter(session, context.names, options.filter, 'afd tasks export'))
      : options.filter;
  return new Export(context, { ...options, filter, lend }).run();
}

type LentExport = ExportOptions & { lend: NonNullable<ExportOptions['lend']> };

async function ownSession(context: Context, { onReplica }: ExportOptions): Promise<LentExport['lend']> {
  const session = await context.session();
  let usable: boolean | undefined;
  return async (read) => {
    // Once a part was the writer's, a part of the replica would miss what was added before it.
    const { replica } = context;
    usable ??= (await replica?.caughtUp()) ?? false;
    const tried = usable
      ? await replica?.tried((own, { delayS }) => {
          onReplica?.(replica.where, delayS);
          return read(own);
        })
      : undefined;
    if (tried !== undefined) return tried.value;
    usable = false;
    await session.ready();
    return read(session);
  };
}

class Export {
  readonly #context: Context;
  readonly #o: LentExport;
  #text = '';
  #waiting = 0;
  readonly #end: ExportEnd = { tasks: 0, bytes: 0, complete: false };
  #size = PART.first;

  constructor(context: Context, options: LentExport) {
    this.#context = context;
    this.#o = options;
  }

  async run(): Promise<ExportEnd> {
    const { format, terminal, stop } = this.#o;
    const rows = rowWriter(format, terminal);
    this.#text = rows.head;
    for await (const row of this.#rows()) {
      if (stop.aborted) return this.#end;
      this.#text += rows.line(await this.#whole(row));
      this.#waiting += 1;
      if (this.#text.length >= CHUNK && !(await this.#flush())) return this.#end;
    }
    if (stop.aborted || !(await this.#flush())) return this.#end;
    return { ...this.#end, complete: true };
  }

  /** False = it ends here. */
  async #flush(): Promise<boolean> {
    const { write, stop } = this.#o;
    const [text, waiting] = [this.#text, this.#waiting];
    this.#text = '';
    this.#waiting = 0;
    try {
      if (stop.aborted || !(await write(text))) return false;
    } catch (cause) {
      throw lostTasks(this.#end.tasks, cause);
    }
    this.#end.tasks += waiting;
    this.#end.bytes += Buffer.byteLength(text);
    return true;
  }

  async *#rows(): AsyncGenerator<ExportRow> {
    const { names } = this.#context;
    const { owner } = this.#o;
    const all = await this.#try((session) => wholeStretch(session, names, this.#o.owner));
    if (all === undefined) return;
    for (let from = all.from; ; ) {
      const stretch = await this.#try((session) => firstOfStretch(session, names, { ...all, from }, STRETCH, owner));
      if (stretch === undefined) return;
      yield* this.#stretch(stretch);
      from = stretch.to;
      this.#o.onProgress({ tasks: this.#end.tasks, share: (from - all.from) / (all.to - all.from) });
    }
  }

  async *#stretch({ from, to }: Stretch): AsyncGenerator<ExportRow> {
    const { names } = this.#context;
    for (let after = from; after < to; ) {
      const read = () => ({ from: after, to, limit: this.#size, owner: this.#o.owner });
      const part = await this.#try((session) => exportPart(session, names, this.#o.filter, read()));
      yield* part;
      after = part.length < this.#size ? to : part.at(-1)!.id;
      // The server reads long texts twice, and the first time those of a part at once.
      const long = part.filter((one) => one.is_long).length;
      this.#size = long > part.length / 10 ? PART.first : Math.min(PART.most, this.#size * 2);
    }
  }

  async #whole(row: ExportRow): Promise<ExportedTask> {
    if (!row.is_long) return completedTask(row);
    return this.#try((session) => exportedTask(session, this.#context.names, row));
  }

  /** Repeats what failed in a way that may pass. */
  async #try<T>(read: (session: Session) => Promise<T>): Promise<T> {
    for (let n = 1; ; n += 1) {
      try {
        return await this.#o.lend(read);
      } catch (error) {
        if (n === MOST_TRIES || !isTransient(error) || this.#o.stop.aborted) throw this.#stoppedBy(error);
        // It may have taken too long.
        this.#size = Math.max(1, Math.floor(this.#size / 10));
      }
    }
  }

  #stoppedBy(error: unknown): unknown {
    if (!(error instanceof AfdError)) return error;
    const { code, message, suggestions, data } = error;
    const more = { suggestions, data: { ...data, tasks: this.#end.tasks }, cause: error };
    return new AfdError(code, `The export stopped after ${this.#end.tasks} tasks: ${message}`, more);
  }
}

export function lostTasks(tasks: number, cause: unknown): AfdError {
  return lostOutput('afd tasks export', `${tasks} tasks`, { tasks }, cause);
}
