// The main thread's end of one thread in which module handlers run. It can be ended from outside whatever its handlers
// do, and every attempt in it settles then.
import { fileURLToPath } from 'node:url';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  SHARE_ENV,
  Worker as Thread,
} from 'node:worker_threads';
import { monotonic } from '../clock.ts';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import { keptOutcome } from './aborted-outcome.ts';
import { BatchedPort, readBatch } from './batched-port.ts';
import type { AbortReason, Attempt } from './handler.ts';
import {
  type FromThread,
  MARK,
  type ThreadModule,
  type ThreadSettings,
  type ToThread,
} from './handler-thread-messages.ts';
import { type Death, outcomesAfterDeath } from './thread-death.ts';

/** Node 20 starts no .ts file in a thread: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? '../../../dist/core/handlers/handler-thread-entry.js'
  : './handler-thread-entry.js';
/** Between the question to end and the end by force. */
const POLITE_MS = 1000;
const PING_EVERY_MS = 1000;

export interface HandlerThreadOptions {
  modules: ThreadModule[];
  base_dir: string;
  /** A handler that goes on for so long after its abort ends its thread. */
  graceMs: number;
  /** What else runs in that thread may end by itself for so long. */
  othersMs: number;
  /** Without an answer for so long, a thread is given nothing new. */
  silentMs: number;
  onWarning(message: string): void;
  /** Megabytes of its heap; undefined = Node's usual limit. */
  heapMb?: number | undefined;
}

interface Open {
  readonly id: number;
  readonly attempt: Attempt;
  /** What the attempt is called in messages. */
  readonly name: string;
  readonly settle: (outcome: Outcome) => void;
  abortedAt: number | undefined;
  overdue: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** `open` takes attempts · `leaving` ends when what runs in it has ended · `ending` was asked to end · `gone` has. */
type State = 'open' | 'leaving' | 'ending' | 'gone';

export class HandlerThread {
  readonly #options: HandlerThreadOptions;
  readonly #thread: Thread;
  readonly #port: MessagePort;
  readonly #out: BatchedPort<ToThread>;
  readonly #marks = new Int32Array(new SharedArrayBuffer(8));
  readonly #open = new Map<number, Open>();
  #state: State = 'open';
  #death: Death | undefined;
  #lastId = 0;
  #heardAt = monotonic();
  /** Monotonic ms of the first question since it last said something. */
  #askedAt: number | undefined;
  /** It has not answered for `silentMs`. */
  #silent = false;
  #look: NodeJS.Timeout | undefined;
  #leaving: NodeJS.Timeout | undefined;
  /** Resolves when all modules are loaded. Rejects with E_HANDLER_MISSING or E_CONFIG. */
  readonly ready: Promise<void>;
  /** Resolves when the thread is gone and all of its attempts have settled. */
  readonly gone: Promise<void>;
  #loaded!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(options: HandlerThreadOptions) {
    this.#options = options;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#out = new BatchedPort<ToThread>(port1);
    this.ready = new Promise((resolve, reject) => {
      this.#loaded = { resolve, reject };
    });
    this.ready.catch(() => {});
    const { base_dir, modules, heapMb } = options;
    const marks = this.#marks.buffer as SharedArrayBuffer;
    const settings: ThreadSettings = { port: port2, base_dir, modules, marks };
    this.#thread = new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), {
      workerData: settings,
      transferList: [port2],
      env: SHARE_ENV,
      name: 'afd handlers',
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    });
    port1.on('message', (message) => this.#hear(readBatch(message)));
    this.#thread.on('error', (error: NodeJS.ErrnoException) => {
      const id = this.#marks[MARK.current]!;
      const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#death ??= memory ? { kind: 'memory', id } : { kind: 'vanished', id, message: String(error.message) };
    });
    this.gone = new Promise((resolve) => {
      this.#thread.on('exit', (code) => {
        this.#onExit(code);
        resolve();
      });
    });
  }

  /** It may be given attempts. */
  get usable(): boolean {
    return this.#state === 'open' && !this.#silent;
  }

  get busy(): boolean {
    return this.#open.size > 0;
  }

  /** Runs one attempt by the n-th module. */
  execute(module: number, attempt: Attempt): Promise<Outcome> {
    const { task, device_id } = attempt;
    return new Promise((resolve) => {
      this.#lastId = (this.#lastId + 1) | 0 || 1;
      const id = this.#lastId;
      const name = `task ${task.task_id} (${task.task_type}), attempt ${task.attempt}`;
      const one: Open = { id, attempt, name, settle: resolve, abortedAt: undefined, overdue: false, timer: undefined };
      this.#open.set(id, one);
      attempt.onAbort((reason) => this.#abort(one, reason));
      this.#out.push({ kind: 'run', id, module, task, device_id });
      this.#look ??= setTimeout(() => this.#lookAfter(), PING_EVERY_MS);
    });
  }

  /** Ends the thread, by force if it has to be. What still runs in it settles. */
  end(): Promise<void> {
    if (this.#state === 'ending' || this.#state === 'gone') return this.gone;
    this.#death ??= { kind: 'asked' };
    if (!this.#silent) this.#out.push({ kind: 'end' });
    this.#endWithin(this.#silent ? 0 : POLITE_MS);
    return this.gone;
  }

  #endWithin(ms: number): void {
    this.#state = 'ending';
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => void this.#thread.terminate(), ms);
  }

  /** Sent at once: the time until the answer is measured. */
  #ask(): void {
    this.#askedAt ??= monotonic();
    this.#out.push({ kind: 'ping' });
    this.#out.flush();
  }

  /** While it has work: does it answer? */
  #lookAfter(): void {
    this.#look = undefined;
    if (this.#open.size === 0 || this.#state === 'gone') return;
    this.#readAll();
    if (this.#askedAt === undefined) this.#ask();
    else if (!this.#silent && monotonic() - this.#askedAt >= this.#options.silentMs) this.#fallSilent(this.#askedAt);
    this.#look = setTimeout(() => this.#lookAfter(), PING_EVERY_MS);
  }

  #fallSilent(since: number): void {
    this.#silent = true;
    const blocker = this.#open.get(this.#marks[MARK.current]!);
    const others = blocker === undefined ? this.#open.size : this.#open.size - 1;
    this.#options.onWarning(
      `${blocker === undefined ? 'a handler' : `the handler of ${blocker.name},`} has kept its thread busy for ` +
        `${Math.round((monotonic() - since) / 1000)} s without a pause: ${others} other attempts wait in that thread; ` +
        'new ones begin in another. Give it pauses, or run it as a command (exec).',
    );
  }

  /** Whatever it has said by now, also when this thread was busy and has not read it. */
  #readAll(): void {
    for (let one = receiveMessageOnPort(this.#port); one !== undefined; one = receiveMessageOnPort(this.#port)) {
      this.#hear(readBatch(one.message));
    }
  }

  #hear(batch: FromThread[]): void {
    this.#heardAt = monotonic();
    this.#askedAt = undefined;
    this.#silent = false;
    for (const message of batch) this.#take(message);
  }

  #take(message: FromThread): void {
    switch (message.kind) {
      case 'ended': {
        const one = this.#open.get(message.id);
        if (one === undefined) return;
        this.#settle(one, keptOutcome(message.outcome, one.attempt.aborted(), one.attempt.task.timeout));
        if (this.#state === 'leaving') this.#endIfAllOverdue();
        return;
      }
      case 'log':
        this.#open.get(message.id)?.attempt.log[message.level](message.message, message.fields);
        return;
      case 'warning':
        this.#options.onWarning(message.message);
        return;
      case 'ready':
        this.#loaded.resolve();
        return;
      case 'unloaded':
        this.#death = { kind: 'unloaded', message: message.message };
        this.#loaded.reject(new AfdError(message.code as ErrorCode, message.message));
        return;
      case 'crash':
        this.#death = message;
        this.#endWithin(POLITE_MS);
        return;
      case 'pong':
    }
  }

  #abort(one: Open, reason: AbortReason): void {
    if (!this.#open.has(one.id)) return;
    one.abortedAt = monotonic();
    this.#out.push({ kind: 'abort', id: one.id, reason });
    this.#ask();
    one.timer = setTimeout(() => this.#ignored(one), this.#options.graceMs);
  }

  /** Its grace is over, and it goes on. */
  #ignored(one: Open): void {
    one.overdue = true;
    this.#readAll();
    if (!this.#open.has(one.id) || this.#state === 'ending' || this.#state === 'gone') return;
    // It has read nothing since: waiting would help nobody.
    if (this.#heardAt < one.abortedAt!) {
      this.#tellEnd(one, 'and its thread does not answer');
      this.#death = { kind: 'blocked', id: this.#marks[MARK.current]! };
      this.#endWithin(0);
      return;
    }
    if (this.#state === 'open') {
      this.#state = 'leaving';
      this.#tellEnd(one, `after ${this.#options.graceMs / 1000} s`);
      this.#leaving = setTimeout(() => void this.end(), this.#options.othersMs);
    }
    this.#endIfAllOverdue();
  }

  #tellEnd(one: Open, how: string): void {
    this.#options.onWarning(
      `${one.name} ignores its abort signal ${how}: its thread is ended ` +
        `(${this.#open.size - 1} other attempts run there); make the handler obey ctx.signal`,
    );
  }

  #endIfAllOverdue(): void {
    for (const one of this.#open.values()) if (!one.overdue) return;
    void this.end();
  }

  #settle(one: Open, outcome: Outcome): void {
    clearTimeout(one.timer);
    this.#open.delete(one.id);
    one.settle(outcome);
  }

  #onExit(code: number): void {
    this.#readAll();
    this.#port.close();
    this.#state = 'gone';
    clearTimeout(this.#look);
    clearTimeout(this.#leaving);
    const unseen: Death = { kind: 'vanished', id: this.#marks[MARK.current]!, message: `exit code ${code}` };
    const death = this.#death ?? unseen;
    const why = 'message' in death ? death.message : death.kind;
    this.#loaded.reject(new AfdError('E_CONFIG', `The thread of the handlers ended while it loaded them: ${why}.`));
    const open = [...this.#open.values()];
    const left = open.map(({ id, attempt }) => ({
      id,
      begun: ((this.#marks[MARK.begun]! - id) | 0) >= 0,
      aborted: attempt.aborted(),
      timeout: attempt.task.timeout,
    }));
    for (const [n, outcome] of outcomesAfterDeath(death, left).entries()) this.#settle(open[n]!, outcome);
  }
}
