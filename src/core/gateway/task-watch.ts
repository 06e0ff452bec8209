// Waits for tasks on behalf of requests: one read a second for all of them together, and none while nobody waits. A request that
// waits holds no session.
import { isTransient } from '../db/database-error.ts';
import { type TaskState, taskStates } from '../db/tasks/task-states.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { Service } from '../runtime/service.ts';
import type { RequestContexts } from './requests/request-contexts.ts';

export type { TaskState };

/** A task as it was read. `now`: the database's time then, ISO 8601; `at`: the same on the monotonic clock. */
export interface WatchedTask {
  state: TaskState;
  now: string;
  at: number;
}

interface Waiter {
  /** Whether this is what it waits for. */
  enough(state: TaskState): boolean;
  /** As it was read last. */
  last: WatchedTask;
  resolve(task: WatchedTask): void;
  reject(error: unknown): void;
}

export interface Wait {
  taskId: number;
  /** Milliseconds. */
  forMs: number;
  signal: AbortSignal;
  /** Absent = that the task has ended. */
  enough?: (state: TaskState) => boolean;
}

const POLL_MS = 1000;
/** Tasks of one statement. */
const PER_READ = 1000;
const MOST_WAITING = 20_000;

export function hasEnded({ status }: Pick<TaskState, 'status'>): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

export class TaskWatch extends Service {
  readonly #requests: Pick<RequestContexts, 'use'>;
  readonly #waiters = new Map<number, Set<Waiter>>();
  #count = 0;
  #over = false;
  #arrived: () => void = () => {};
  /** Of the last read, if it failed. */
  #failure: unknown;

  constructor(requests: Pick<RequestContexts, 'use'>) {
    super();
    this.#requests = requests;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#count;
  }

  /**
   * What the task is now, or becomes within this time, or when the signal is aborted.
   * @throws AfdError E_NOT_FOUND, E_TEMPORARY when too many wait; DatabaseError when it cannot be said at the end
   */
  async wait({ taskId, forMs, signal, enough = hasEnded }: Wait): Promise<WatchedTask> {
    const first = (await this.#read([taskId])).get(taskId);
    if (first === undefined) throw missing(taskId);
    if (enough(first.state) || forMs <= 0 || signal.aborted || this.#over) return first;
    if (this.#count >= MOST_WAITING)
      throw new AfdError('E_TEMPORARY', `${MOST_WAITING} requests wait for tasks already.`);
    return this.#next(taskId, first, { forMs, signal, enough });
  }

  /** Everybody who waits is answered with what is known now, and nobody waits any more: the gateway stops. */
  release(): void {
    this.#over = true;
    for (const set of [...this.#waiters.values()]) for (const one of [...set]) one.resolve(one.last);
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    while (!signal.aborted) {
      if (this.#count === 0) {
        const arrived = new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
        await sleep(2 ** 31 - 1, signal, arrived);
      }
      await sleep(POLL_MS, signal);
      if (!signal.aborted) await this.#poll();
    }
    this.release();
  }

  /** A waiter whose time is over gets what the last poll has read: many of them at once cost nothing. */
  #next(
    taskId: number,
    last: WatchedTask,
    { forMs, signal, enough }: Omit<Required<Wait>, 'taskId'>,
  ): Promise<WatchedTask> {
    const set = this.#waiters.get(taskId) ?? new Set<Waiter>();
    this.#waiters.set(taskId, set);
    return new Promise<WatchedTask>((resolve, reject) => {
      const leave =
        <A>(resolve: (value: A) => void) =>
        (value: A) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', over);
          if (!set.delete(waiter)) return;
          this.#count -= 1;
          if (set.size === 0) this.#waiters.delete(taskId);
          resolve(value);
        };
      const waiter: Waiter = { enough, last, resolve: leave(resolve), reject: leave(reject) };
      const over = () => (this.#failure === undefined ? waiter.resolve(waiter.last) : waiter.reject(this.#failure));
      const timer = setTimeout(over, forMs);
      signal.addEventListener('abort', over, { once: true });
      set.add(waiter);
      this.#count += 1;
      this.#arrived();
    });
  }

  async #poll(): Promise<void> {
    const ids = [...this.#waiters.keys()];
    for (let n = 0; n < ids.length; n += PER_READ) {
      const some = ids.slice(n, n + PER_READ);
      try {
        const tasks = await this.#read(some);
        this.#failure = undefined;
        for (const id of some) this.#tell(id, tasks.get(id));
      } catch (error) {
        // What may pass is waited for too, as long as each of them waits.
        this.#failure = error;
        if (isTransient(error) || (error instanceof AfdError && error.code === 'E_TEMPORARY')) return;
        for (const id of some) for (const one of [...(this.#waiters.get(id) ?? [])]) one.reject(error);
      }
    }
  }

  #tell(id: number, task: WatchedTask | undefined): void {
    for (const one of [...(this.#waiters.get(id) ?? [])]) {
      if (task === undefined) one.reject(missing(id));
      else if (one.enough(task.state)) one.resolve(task);
      else one.last = task;
    }
  }

  async #read(ids: number[]): Promise<Map<number, WatchedTask>> {
    return this.#requests.use(async (context) => {
      const states = await taskStates(await context.session(), context.names, ids);
      const now = await context.now();
      const at = monotonic();
      return new Map(states.map((state) => [state.task_id, { state, now, at }]));
    });
  }
}

function missing(id: number): AfdError {
  return new AfdError('E_NOT_FOUND', `There is no task ${id}.`, { suggestions: ['afd tasks ls'] });
}
