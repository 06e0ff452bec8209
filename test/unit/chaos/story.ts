// Histories written by hand: a small database of one's own that records what the triggers would.
import type {
  DatabaseEvent,
  Evidence,
  Execution,
  HistoryLine,
  LeaderRow,
  StormSettings,
  TaskRow,
} from '../../chaos/check/evidence.ts';

const SETTINGS: StormSettings = {
  max_retry_count: 2,
  retry_backoff: { initial: 1, max: 10, jitter: 0 },
  poison_after: 3,
  lease_duration: 4,
  shortest_timeout: 10,
};

/** Of an attempt: `attempt` absent = that of the task, `device` absent = who has it, or w1. */
interface Of {
  task?: number;
  attempt?: number;
  device?: string;
}

interface Written extends Of {
  cause?: string;
  token?: string;
  deadline_in_s?: number;
  /** Who writes; its device when absent. */
  proc?: string;
}

/** Tells a story event by event; `evidence()` is what a storm would have left. Task 1 is meant where none is named. */
export class Story {
  readonly events: DatabaseEvent[] = [];
  readonly history: HistoryLine[] = [];
  readonly ledger: Execution[] = [];
  /** The run of the server that records. */
  #server: string | undefined;
  readonly #tasks = new Map<number, { row: TaskRow; key: string | null; since: number }>();
  readonly #records = new Map<string, { status: string; device: string; token: string; id: number }>();
  #leader: LeaderRow = { holder: null, term: 0, lease_s: null };
  #leaseEnds = 0;
  #clock = 1000;
  #order = 0;

  evidence(): Evidence {
    const { events, history, ledger } = this;
    return { settings: SETTINGS, events, history, ledger, foreign: new Set(['foreign']), drained: true };
  }

  wait(seconds: number): this {
    this.#clock += seconds * 1000;
    return this;
  }

  line(f: string, more: Partial<HistoryLine> = {}): this {
    const [seq, wall] = [this.history.length, this.#clock];
    this.history.push({ proc: 'producer', seq, type: 'ok', f, mono_ns: String(wall * 1e6), wall, ...more });
    return this;
  }

  /** What follows is recorded by this run of a server; `by`: the step of the storm that made it the writer. */
  on(server: string, by?: string): this {
    if (by !== undefined) this.line(by, { proc: 'storm', type: 'invoke' });
    this.#server = server;
    return this;
  }

  /** An acknowledged enqueue with its row. */
  enqueue(task = 1, key = `k${task}`): this {
    return this.line('enqueue', { type: 'invoke', key }).line('enqueue', { task, key }).insert(task, key);
  }

  insert(task = 1, key = `k${task}`): this {
    const row = { status: 'pending', attempt: 0, token: null, retry: 0, lost_count: 0, budget: null, due_in_s: 0 };
    return this.#task(task, 'producer', undefined, row, key);
  }

  /** The statement of a claim, as it should be; `changes` override what it writes. */
  claim(device = 'w1', { task = 1, deadline_in_s = 40, ...changes }: Written & Partial<TaskRow> = {}): this {
    const { row } = this.#tasks.get(task)!;
    const token = `${device}${row.attempt + 1}${task}`;
    this.move(device, { status: 'running', attempt: row.attempt + 1, token, due_in_s: 0, ...changes }, task);
    return this.record('assigned', { task, device, token, deadline_in_s });
  }

  /** A claim by w1 whose attempt has no record yet. */
  deferred(): this {
    return this.move('w1', { status: 'running', attempt: 1, token: 't1' });
  }

  /** Any write to a task row. */
  move(proc: string, changes: Partial<TaskRow>, task = 1): this {
    const { row, key } = this.#tasks.get(task)!;
    return this.#task(task, proc, row, { ...row, ...changes }, key);
  }

  remove(task = 1): this {
    const { row, key } = this.#tasks.get(task)!;
    return this.#task(task, 'producer', row, undefined, key);
  }

  /** Any write to the record of an attempt. */
  record(status: string, { token, proc, cause, deadline_in_s = 40, ...of }: Written = {}): this {
    const { task, attempt, device } = this.#of(of);
    const name = `${task}/${attempt}`;
    const known = this.#records.get(name);
    const now = {
      ...{ status, device: known?.device ?? device, token: token ?? known?.token ?? '' },
      id: known?.id ?? this.#records.size + 1,
    };
    this.events.push({
      ...this.#recorded(proc ?? device),
      ...{ table: 'assignment', id: now.id, task, attempt, token: now.token, device: now.device },
      ...{ was: known?.status, now: status, cause: cause ?? null, deadline_in_s },
    });
    this.#records.set(name, now);
    return this;
  }

  /** The end of an attempt, as it should be: task and record in one transaction. */
  end(to: string, as: string, more: Partial<TaskRow> & { task?: number; cause?: string; proc?: string } = {}): this {
    const { task = 1, cause, proc, ...changes } = more;
    const { attempt, device } = this.#of({ task });
    this.move(proc ?? device, { status: to, token: null, ...changes }, task);
    return this.record(as, { task, attempt, ...(cause && { cause }), ...(proc && { proc }) });
  }

  /** Claimed by this device unless somebody has it, and completed. */
  done(task = 1, device = 'w1'): this {
    if (this.#tasks.get(task)!.row.status !== 'running') this.claim(device, { task });
    return this.end('done', 'completed', { task, lost_count: 0 });
  }

  /** The leader w2 ends the attempt of a dead device. */
  rescued(more: Partial<TaskRow> & { cause?: string; proc?: string } = {}, to = 'pending'): this {
    return this.end(to, 'lost', { lost_count: 1, cause: 'device_dead', proc: 'w2', ...more });
  }

  ran(until: 'end' | 'abort' | 'killed' = 'end', of: Of = {}): this {
    this.#noted('begin', of);
    if (until !== 'killed') this.#noted(until, of);
    return this;
  }

  /** A handler that does not come back to its event loop for `seconds`; `during` says what happens meanwhile. */
  blocks(seconds: number, during: (story: Story) => void): this {
    this.#noted('begin');
    this.#noted('block', {}, seconds * 1000);
    const end = this.#clock + seconds * 1000;
    during(this);
    this.#clock = Math.max(this.#clock, end);
    this.#noted('unblock');
    this.#noted('end');
    return this;
  }

  lead(holder: string, changes: Partial<LeaderRow> = {}): this {
    const left = (this.#leaseEnds - this.#clock) / 1000;
    const was = { ...this.#leader, lease_s: this.#leader.lease_s === null ? null : left };
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

  #of({ task = 1, attempt = this.#tasks.get(task)!.row.attempt, device }: Of): Required<Of> {
    return { task, attempt, device: device ?? this.#records.get(`${task}/${attempt}`)?.device ?? 'w1' };
  }

  #noted(what: Execution['what'], of: Of = {}, ms?: number): void {
    const mono_ns = String(this.#clock * 1e6 + this.#order++);
    this.ledger.push({ ...this.#of(of), pid: 1, what, mono_ns, ms });
  }

  #task(task: number, proc: string, was: TaskRow | undefined, now: TaskRow | undefined, key: string | null): this {
    const elapsed = (this.#clock - (this.#tasks.get(task)?.since ?? this.#clock)) / 1000;
    const before = was && { ...was, due_in_s: was.due_in_s - elapsed };
    this.events.push({ ...this.#recorded(proc), table: 'task', task, key, was: before, now });
    if (now !== undefined) this.#tasks.set(task, { row: now, key, since: this.#clock });
    return this;
  }

  #recorded(proc: string) {
    this.#clock += 1;
    const conn = this.#server === undefined ? proc : `${this.#server}:${proc}`;
    return { n: this.events.length, at: this.#clock, conn, proc };
  }
}
