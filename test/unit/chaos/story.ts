// Histories written by hand: a small database of one's own that records what the triggers would.
import type {
  AssignmentEvent,
  DatabaseEvent,
  Evidence,
  Execution,
  HistoryLine,
  LeaderRow,
  StormSettings,
  TaskEvent,
  TaskRow,
} from '../../chaos/check/evidence.ts';

export const SETTINGS: StormSettings = {
  max_retry_count: 2,
  retry_backoff: { initial: 1, max: 10, jitter: 0 },
  poison_after: 3,
  lease_duration: 4,
  shortest_timeout: 10,
};

/** Tells a story event by event; `evidence()` is what a storm would have left. */
export class Story {
  readonly events: DatabaseEvent[] = [];
  readonly history: HistoryLine[] = [];
  readonly ledger: Execution[] = [];
  readonly foreign = new Set<string>();
  drained = true;
  /** The run of the server that records. */
  #server: string | undefined;
  readonly #tasks = new Map<number, { row: TaskRow; key: string | null; since: number }>();
  readonly #records = new Map<string, { status: string; device: string; token: string; id: number }>();
  #leader: LeaderRow = { holder: null, term: 0, lease_s: null };
  #leaseEnds = 0;
  #clock = 1000;
  #order = 0;

  evidence(): Evidence {
    const { events, history, ledger, foreign, drained } = this;
    return { settings: SETTINGS, events, history, ledger, foreign, drained };
  }

  wait(seconds: number): this {
    this.#clock += seconds * 1000;
    return this;
  }

  line(line: Partial<HistoryLine> & { f: string }): this {
    this.history.push({
      proc: 'producer',
      seq: this.history.length,
      type: 'ok',
      mono_ns: String(this.#clock * 1e6),
      wall: this.#clock,
      ...line,
    });
    return this;
  }

  /** What follows is recorded by this run of a server; `by`: the step of the storm that made it the writer. */
  on(server: string, by?: string): this {
    if (by !== undefined) this.line({ proc: 'storm', type: 'invoke', f: by });
    this.#server = server;
    return this;
  }

  /** An acknowledged enqueue with its row. */
  enqueue(task: number, key = `k${task}`): this {
    this.line({ f: 'enqueue', type: 'invoke', key }).line({ f: 'enqueue', task, key });
    return this.insert(task, key);
  }

  insert(task: number, key: string | null = `k${task}`, proc = 'producer'): this {
    const row = { status: 'pending', attempt: 0, token: null, retry: 0, lost_count: 0, budget: null, due_in_s: 0 };
    this.#task(task, proc, undefined, row, key);
    return this;
  }

  /** The statement of a claim, as it should be; `task` overrides what it writes. */
  claim(task: number, device: string, changes: Partial<TaskRow> = {}, deadline_in_s = 40): this {
    const { row } = this.#tasks.get(task)!;
    const token = `${device}${row.attempt + 1}${task}`;
    const now = { ...row, status: 'running', attempt: row.attempt + 1, token, due_in_s: 0, ...changes };
    this.move(task, device, now);
    this.record(task, now.attempt, device, 'assigned', { token: now.token ?? '', deadline_in_s });
    return this;
  }

  /** Any write to a task row. */
  move(task: number, proc: string, changes: Partial<TaskRow>): this {
    const { row, key } = this.#tasks.get(task)!;
    this.#task(task, proc, row, { ...row, ...changes }, key);
    return this;
  }

  remove(task: number): this {
    const { row, key } = this.#tasks.get(task)!;
    this.#task(task, 'producer', row, undefined, key);
    return this;
  }

  /** Any write to the record of an attempt, by `proc` (its device when absent). */
  record(
    task: number,
    attempt: number,
    device: string,
    status: string,
    more: { cause?: string; token?: string; proc?: string; deadline_in_s?: number } = {},
  ): this {
    const name = `${task}/${attempt}`;
    const known = this.#records.get(name);
    const token = more.token ?? known?.token ?? '';
    const id = known?.id ?? this.#records.size + 1;
    this.events.push({
      ...this.#recorded(more.proc ?? device),
      table: 'assignment',
      id,
      task,
      attempt,
      token,
      device: known?.device ?? device,
      was: known?.status,
      now: status,
      cause: more.cause ?? null,
      deadline_in_s: more.deadline_in_s ?? 40,
    } satisfies AssignmentEvent);
    this.#records.set(name, { status, device: known?.device ?? device, token, id });
    return this;
  }

  /** The end of an attempt, as it should be: task and record in one transaction. */
  end(
    task: number,
    device: string,
    to: string,
    as: string,
    more: Partial<TaskRow> & { cause?: string; proc?: string } = {},
  ) {
    const { cause, proc, ...changes } = more;
    const { row } = this.#tasks.get(task)!;
    this.move(task, proc ?? device, { status: to, token: null, ...changes });
    return this.record(task, row.attempt, device, as, {
      ...(cause === undefined ? {} : { cause }),
      ...(proc === undefined ? {} : { proc }),
    });
  }

  ran(task: number, attempt: number, device: string, until: 'end' | 'abort' | 'killed' = 'end'): this {
    this.#noted(task, attempt, device, 'begin');
    if (until !== 'killed') this.#noted(task, attempt, device, until);
    return this;
  }

  /** A handler that does not come back to its event loop for `seconds`; `during` says what happens meanwhile. */
  blocks(task: number, attempt: number, device: string, seconds: number, during: (story: Story) => void): this {
    this.#noted(task, attempt, device, 'begin');
    this.#noted(task, attempt, device, 'block', seconds * 1000);
    const end = this.#clock + seconds * 1000;
    during(this);
    this.#clock = Math.max(this.#clock, end);
    this.#noted(task, attempt, device, 'unblock');
    this.#noted(task, attempt, device, 'end');
    return this;
  }

  #noted(task: number, attempt: number, device: string, what: Execution['what'], ms?: number): void {
    const mono_ns = String(this.#clock * 1e6 + this.#order++);
    this.ledger.push({ task, attempt, device, pid: 1, what, mono_ns, ms });
  }

  lead(holder: string, changes: Partial<LeaderRow> = {}): this {
    const was = {
      ...this.#leader,
      lease_s: this.#leader.lease_s === null ? null : (this.#leaseEnds - this.#clock) / 1000,
    };
    const now = { holder, term: was.term + 1, lease_s: SETTINGS.lease_duration, ...changes };
    this.events.push({ ...this.#recorded(holder), table: 'leader', was, now });
    this.#leader = now;
    this.#leaseEnds = this.#clock + (now.lease_s ?? 0) * 1000;
    return this;
  }

  dead(device: string, by: string): this {
    const row = { status: 'online', instance: 'i' };
    this.events.push({ ...this.#recorded(by), table: 'device', device, was: row, now: { ...row, status: 'offline' } });
    return this;
  }

  #task(task: number, proc: string, was: TaskRow | undefined, now: TaskRow | undefined, key: string | null): void {
    const elapsed = (this.#clock - (this.#tasks.get(task)?.since ?? this.#clock)) / 1000;
    const before = was === undefined ? undefined : { ...was, due_in_s: was.due_in_s - elapsed };
    this.events.push({ ...this.#recorded(proc), table: 'task', task, key, was: before, now } satisfies TaskEvent);
    if (now !== undefined) this.#tasks.set(task, { row: now, key, since: this.#clock });
  }

  #recorded(proc: string) {
    this.#clock += 1;
    const conn = this.#server === undefined ? proc : `${this.#server}:${proc}`;
    return { n: this.events.length, at: this.#clock, conn, proc };
  }
}
