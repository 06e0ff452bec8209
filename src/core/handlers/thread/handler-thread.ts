import { type MessagePort, receiveMessageOnPort, type Worker as Thread } from 'node:worker_threads';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { AfdError, type ErrorCode } from '../../domain/errors.ts';
import { monotonic } from '../../runtime/clock.ts';
import { Service } from '../../runtime/service.ts';
import { keptOutcome } from '../aborted-outcome.ts';
import type { AbortReason, Attempt } from '../handler.ts';
import { BatchedPort, readBatch } from './batched-port.ts';
import { CELL, type FromThread, type ToThread } from './handler-thread-messages.ts';
import { type PlaceListener, passOn } from './pass-on.ts';
import { type SpawnOptions, spawnHandlerThread } from './spawn-handler-thread.ts';
import { type Death, leftOf, outcomesAfterDeath } from './thread-death.ts';
import { ThreadPulse } from './thread-pulse.ts';
import { ignoredSentence, silentSentence } from './thread-sentences.ts';

/** Between the question to end and the end by force, beyond what cleaning up may take. */
const POLITE_MS = 1000;

export interface HandlerThreadOptions extends SpawnOptions, PlaceListener {
  /** How long what else runs in that thread may take to end by itself. */
  othersMs: number;
  /** A thread that has not answered for this long is given nothing new. */
  silentMs: number;
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

/** `open` takes attempts once it has started · `leaving` ends when what runs in it has ended · `ending` was asked to end · `gone` has. */
type State = 'open' | 'leaving' | 'ending' | 'gone';

/**
 * The main thread's end of one thread in which module handlers run; it runs when all modules are loaded. It can be ended
 * from outside whatever its handlers do: every attempt in it has settled when `finished` does.
 * @throws (start, finished) AfdError E_HANDLER_MISSING, E_CONFIG when it could not load; E_INTERNAL when it ended later
 */
export class HandlerThread extends Service {
  readonly #options: HandlerThreadOptions;
  #thread!: Thread;
  #port!: MessagePort;
  #out!: BatchedPort<ToThread>;
  #cells!: Int32Array;
  readonly #open = new Map<number, Open>();
  #state: State = 'open';
  #death: Death | undefined;
  #lastId = 0;
  /** Before, it reads nothing: it loads. */
  #isReady = false;
  readonly #pulse: ThreadPulse;
  #leaving: NodeJS.Timeout | undefined;
  #loaded!: () => void;

  constructor(options: HandlerThreadOptions) {
    super();
    this.#options = options;
    this.#pulse = new ThreadPulse({
      silentMs: options.silentMs,
      ask: () => {
        // Sent at once: the time until the answer is measured.
        this.#out.push({ kind: 'ping' });
        this.#out.flush();
      },
      readAll: () => this.#readAll(),
      busy: () => this.busy && this.#state !== 'gone',
      onSilent: (ms) => this.#tellSilent(ms),
    });
  }

  /** It may be given attempts. */
  get usable(): boolean {
    return this.#state === 'open' && !this.#pulse.silent;
  }

  get busy(): boolean {
    return this.#open.size > 0;
  }

  /** Runs one attempt by the n-th module; only after `start()` was called. */
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
      if (this.#isReady) this.#pulse.watch();
    });
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { thread, port, cells } = spawnHandlerThread(this.#options);
    this.#thread = thread;
    this.#port = port;
    this.#cells = cells;
    this.#out = new BatchedPort<ToThread>(port);
    this.#loaded = running;
    port.on('message', (message) => this.#hear(readBatch(message)));
    thread.on('error', (error: NodeJS.ErrnoException) => {
      const id = cells[CELL.current]!;
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') this.#death ??= { kind: 'memory', id: id || cells[CELL.last]! };
      else this.#death ??= { kind: 'vanished', id, message: String(error.message) };
    });
    signal.addEventListener('abort', () => this.#end(), { once: true });
    const death = await new Promise<Death>((resolve) => {
      thread.on('exit', (code) => resolve(this.#onExit(code)));
    });
    if (death.kind === 'asked') return;
    if (death.kind === 'unloaded') throw new AfdError(death.code, death.message);
    const why = 'message' in death ? death.message : death.kind;
    if (this.#isReady) throw new AfdError('E_INTERNAL', `The handler thread ended: ${why}.`);
    throw new AfdError('E_CONFIG', `The handler thread ended while loading the handlers: ${why}.`);
  }

  /** By force if it has to be. What still runs in it settles. */
  #end(): void {
    if (this.#state === 'ending' || this.#state === 'gone') return;
    this.#death ??= { kind: 'asked' };
    if (!this.#pulse.silent) this.#out.push({ kind: 'end' });
    this.#endWithin(this.#pulse.silent ? 0 : this.#options.graceMs + POLITE_MS);
  }

  #endWithin(ms: number): void {
    this.#state = 'ending';
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => void this.#thread.terminate(), ms);
  }

  #tellSilent(ms: number): void {
    const blocker = this.#open.get(this.#cells[CELL.current]!);
    this.#options.onWarning(silentSentence(blocker?.name, this.#open.size, ms));
  }

  #readAll(): void {
    for (let one = receiveMessageOnPort(this.#port); one !== undefined; one = receiveMessageOnPort(this.#port)) {
      this.#hear(readBatch(one.message));
    }
  }

  #hear(batch: FromThread[]): void {
    this.#pulse.heard();
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
      case 'ready':
        this.#isReady = true;
        this.#loaded();
        if (this.busy) this.#pulse.watch();
        return;
      case 'unloaded':
        this.#death = { kind: 'unloaded', message: message.message, code: message.code as ErrorCode };
        this.#endWithin(POLITE_MS);
        return;
      case 'crash':
        this.#death = message;
        this.#endWithin(POLITE_MS);
        return;
      default:
        passOn(message, this.#open.get('id' in message ? message.id : 0)?.attempt, this.#options, (answer) =>
          this.#out.push(answer),
        );
    }
  }

  #abort(one: Open, reason: AbortReason): void {
    if (!this.#open.has(one.id)) return;
    one.abortedAt = monotonic();
    this.#out.push({ kind: 'abort', id: one.id, reason });
    this.#pulse.ask();
    one.timer = setTimeout(() => this.#ignored(one), this.#options.graceMs);
  }

  /** Its grace is over, and it goes on. */
  #ignored(one: Open): void {
    one.overdue = true;
    const answers = this.#pulse.heardSince(one.abortedAt!);
    if (!this.#open.has(one.id) || this.#state === 'ending' || this.#state === 'gone') return;
    // It has read nothing since: waiting would not help.
    if (!answers) {
      this.#options.onWarning(ignoredSentence(one.name, answers, this.#open.size - 1));
      this.#death = { kind: 'blocked', id: this.#cells[CELL.current]! };
      this.#endWithin(0);
      return;
    }
    if (this.#state === 'open') {
      this.#state = 'leaving';
      this.#options.onWarning(ignoredSentence(one.name, answers, this.#open.size - 1));
      this.#leaving = setTimeout(() => this.#end(), this.#options.othersMs);
    }
    this.#endIfAllOverdue();
  }

  #endIfAllOverdue(): void {
    for (const one of this.#open.values()) if (!one.overdue) return;
    this.#end();
  }

  #settle(one: Open, outcome: Outcome): void {
    clearTimeout(one.timer);
    this.#open.delete(one.id);
    one.settle(outcome);
  }

  #onExit(code: number): Death {
    this.#readAll();
    this.#port.close();
    this.#state = 'gone';
    this.#pulse.close();
    clearTimeout(this.#leaving);
    const unseen: Death = { kind: 'vanished', id: this.#cells[CELL.current]!, message: `exit code ${code}` };
    const death = this.#death ?? unseen;
    const open = [...this.#open.values()];
    const left = open.map((one) => leftOf(one, this.#cells[CELL.begun]!));
    for (const [n, outcome] of outcomesAfterDeath(death, left).entries()) this.#settle(open[n]!, outcome);
    return death;
  }
}
