// What is odd about new tasks that are added all the same: said once the tasks are in, one sentence for each kind.
import { didYouMean } from '../config/did-you-mean.ts';
import type { NewTask } from '../domain/task/task.ts';
import { counted } from '../domain/text/counted.ts';

/** Milliseconds by which a time may lie back: the clock of the program that wrote it. */
const SLACK_MS = 60_000;
/** Types of one input that are reported. */
const MOST_TYPES = 20;

interface Seen {
  n: number;
  first: number | undefined;
}

/** Checks tasks as they come; `line` = where it stands in a file. */
export class TaskDoubts {
  readonly #now: number;
  readonly #handled: Set<string> | undefined;
  readonly #types = new Map<string, Seen>();
  readonly #dates: Seen = { n: 0, first: undefined };
  readonly #past: Seen = { n: 0, first: undefined };
  /** The first of each kind, for a task that stands alone. */
  #example: { dates?: string; past?: string } = {};

  /** `now`: the database's, in milliseconds since 1970. `handled`: types that some device handles; undefined = not known. */
  constructor(now: number, handled: Set<string> | undefined) {
    this.#now = now;
    this.#handled = handled;
  }

  check({ task_type, start_date: start, end_date: end, run_at }: NewTask, line?: number): void {
    if (this.#handled !== undefined && !this.#handled.has(task_type)) {
      const seen = this.#types.get(task_type) ?? { n: 0, first: line };
      seen.n += 1;
      if (this.#types.size < MOST_TYPES || seen.n > 1) this.#types.set(task_type, seen);
    }
    // Both are YYYY-MM-DD.
    if (start && end && end < start) {
      note(this.#dates, line);
      this.#example.dates ??= `end_date ${end} is before start_date ${start}`;
    }
    if (run_at && Date.parse(run_at) < this.#now - SLACK_MS) {
      note(this.#past, line);
      this.#example.past ??= `run_at ${run_at} is in the past, so the task is due now`;
    }
  }

  get sentences(): string[] {
    const { dates, past } = this.#example;
    return [
      ...[...this.#types].map(([type, seen]) => {
        const near = didYouMean(type, this.#handled ?? []);
        const hint = near === undefined ? '' : `; did you mean "${near}"?`;
        const who = seen.first === undefined ? 'the task stays pending' : `${counted(seen.n, 'task')} ${waits(seen)}`;
        return `no device handles the task type "${type}"${hint} (${who} until a device does${place(seen)})`;
      }),
      ...(dates === undefined ? [] : [inAll(dates, this.#dates)]),
      ...(past === undefined ? [] : [inAll(past, this.#past)]),
    ];
  }
}

function note(seen: Seen, line: number | undefined): void {
  seen.n += 1;
  seen.first ??= line;
}

function waits({ n }: Seen): string {
  return n === 1 ? 'stays pending' : 'stay pending';
}

function place({ first }: Seen): string {
  return first === undefined ? '' : `; first on line ${first}`;
}

/** For a file: where the example stands, and how many there are. */
function inAll(example: string, { n, first }: Seen): string {
  if (first === undefined) return example;
  return `line ${first}: ${example}${n === 1 ? '' : ` (and ${counted(n - 1, 'more row')} like it)`}`;
}
