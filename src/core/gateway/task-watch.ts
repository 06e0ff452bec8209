// Waits for tasks on behalf of requests: one read a second for all of them together, and none while nobody waits. A request that
// waits holds no session.
import { isTransient } from '../db/database-error.ts';
import { type TaskState, taskStates } from '../db/tasks/task-states.ts';
import { AfdError } from '../domain/errors.ts';
import { sleep } from '../runtime/loop.ts';
import { Service } from '../runtime/service.ts';
import type { RequestContexts } from './requests/request-contexts.ts';

export type { TaskState };

interface Waiter {
  /** Whether this is what it waits for. */
  enough(state: TaskState): boolean;
  resolve(state: TaskState | undefined): void;
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
  readonly #requests: RequestContexts;
  readonly #waiters = new Map<number, Set<Waiter>>();
  #count = 0;
  #over = false;
  #arrived: () => void = () => {};
  /** Of the last read, if it failed. */
  #failure: unknown;

  constructor(requests: RequestContexts) {
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
  async wait({ taskId, forMs, signal, enough = hasEnded }: Wait): Promise<TaskState> {
    const now = async () => (await this.#read([taskId]))[0] ?? missing(taskId);
    const state = await now();
    if (enough(state) || forMs <= 0 || signal.aborted || this.#over) return state;
    if (this.#count >= MOST_WAITING)
      throw new AfdError('E_TEMPORARY', `${MOST_WAITING} requests wait for tasks already.`);
    return (await this.#next(taskId, forMs, signal, enough)) ?? now();
  }

  /** Everybody who waits is answered with what is known now, and nobody waits any more: the gateway stops. */
  release(): void {
    this.#over = true;
    for (const set of [...this.#waiters.values()]) for (const one of [...set]) one.resolve(undefined);
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

  /** Undefined = the time is over. */
  #next(taskId: number, forMs: number, signal: AbortSignal, enough: Waiter['enough']): Promise<TaskState | undefined> {
    const set = this.#waiters.get(taskId) ?? new Set<Waiter>();
    this.#waiters.set(taskId, set);
    return new Promise<TaskState | undefined>((resolve, reject) => {
      const leave =
        <A>(settle: (value: A) => void) =>
        (value: A) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', over);
          if (!set.delete(waiter)) return;
          this.#count -= 1;
          if (set.size === 0) this.#waiters.delete(taskId);
          settle(value);
        };
      const waiter: Waiter = { enough, resolve: leave(resolve), reject: leave(reject) };
      const over = () => (this.#failure === undefined ? waiter.resolve(undefined) : waiter.reject(this.#failure));
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
        const states = new Map((await this.#read(some)).map((one) => [one.task_id, one]));
        this.#failure = undefined;
        for (const id of some) this.#tell(id, states.get(id));
      } catch (error) {
        // What may pass is waited for too, as long as each of them waits.
        this.#failure = error;
        if (isTransient(error) || (error instanceof AfdError && error.code === 'E_TEMPORARY')) return;
        for (const id of some) for (const one of [...(this.#waiters.get(id) ?? [])]) one.reject(error);
      }
    }
  }

  #tell(id: number, state: TaskState | undefined): void {
    for (const one of [...(this.#waiters.get(id) ?? [])]) {
      if (state === undefined) one.reject(missingError(id));
      else if (one.enough(state)) one.resolve(state);
    }
  }

  #read(ids: number[]): Promise<TaskState[]> {
    return this.#requests.use(async (context) => taskStates(await context.session(), context.names, ids));
  }
}

function missing(id: number): never {
  throw missingError(id);
}

function missingError(id: number): AfdError {
  return new AfdError('E_NOT_FOUND', `There is no task ${id}.`, { suggestions: ['afd tasks ls'] });
}
