import type { ChildProcess } from 'node:child_process';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { AfdError, type ErrorCode } from '../../domain/errors.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import { keptOutcome } from '../aborted-outcome.ts';
import { CommandOutput } from '../command/command-output.ts';
import { saysOutOfMemory } from '../command/oom-evidence.ts';
import type { AbortReason, Attempt, OutputStream } from '../handler.ts';
import { OutputLog } from '../output-log.ts';
import { groupEnded, signalGroup } from '../processes/process-group.ts';
import { BatchedPort, readBatch } from '../thread/batched-port.ts';
import type { FromThread, ToThread } from '../thread/handler-thread-messages.ts';
import { type PlaceListener, passOn } from '../thread/pass-on.ts';
import { ignoredSentence, outcomeAfterDeath, type ProcessDeath, saidOf } from './process-death.ts';
import { ProcessOutput } from './process-output.ts';
import { type SpawnProcessOptions, spawnHandlerProcess } from './spawn-handler-process.ts';

/** Milliseconds between SIGTERM and SIGKILL of a process that has already had its grace. */
const TERM_MS = 1000;
/** How long what it said last may take to arrive. */
const LAST_WORDS_MS = 1000;

export interface Recycle {
  /** Attempts. */
  tasks: number;
  /** Bytes that it holds after an attempt. */
  memory: number;
}

export interface HandlerProcessOptions extends SpawnProcessOptions, PlaceListener {
  /** A handler that goes on for this long after its abort has its process killed. */
  graceMs: number;
  recycle: Recycle;
}

interface Open {
  readonly id: number;
  readonly attempt: Attempt;
  readonly output: CommandOutput;
  readonly settle: (outcome: Outcome) => void;
  begun: boolean;
  /** Its end was told; what it printed may still be on its way. */
  outcome: Outcome | undefined;
}

/**
 * The worker's end of one process in which a module handler runs, one attempt at a time; it runs when the module is loaded.
 * Its attempt has settled when `finished` does.
 * @throws (start, finished) AfdError E_HANDLER_MISSING, E_CONFIG when it could not load; E_INTERNAL when it ended later
 */
export class HandlerProcess extends Service {
  readonly task_type: string;
  readonly #options: HandlerProcessOptions;
  #child: ChildProcess | undefined;
  #out!: BatchedPort<ToThread>;
  #output!: ProcessOutput;
  #idleOutput: OutputLog | undefined;
  #open: Open | undefined;
  #death: ProcessDeath | undefined;
  /** The runtime said so on its way out. */
  #outOfMemory = false;
  #begun = 0;
  #isReady = false;
  #timer: NodeJS.Timeout | undefined;
  /** It gets no more attempts. */
  leaving = false;
  /** It leaves because it has done its share. */
  retired = false;

  constructor(options: HandlerProcessOptions) {
    super();
    this.#options = options;
    this.task_type = options.task_type;
  }

  /** It may be given an attempt. */
  get free(): boolean {
    return this.#open === undefined && !this.leaving;
  }

  /** Runs one attempt; only after `start()` was called, and when it is free. Never rejects. */
  execute(attempt: Attempt): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#begun += 1;
      const output = new CommandOutput(attempt);
      const one: Open = { id: this.#begun, attempt, output, settle: resolve, begun: false, outcome: undefined };
      this.#open = one;
      attempt.onAbort((reason) => this.#abort(one, reason));
      const { task, device_id } = attempt;
      this.#out.push({ kind: 'run', id: one.id, module: 0, task, device_id });
    });
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    // Until there is a process, what is said goes nowhere.
    const post = (text: string) => {
      if (this.#child?.connected === true) this.#child.send(text, () => {});
    };
    this.#out = new BatchedPort<ToThread>({ postMessage: post });
    const ask = () => this.leave();
    signal.addEventListener('abort', ask, { once: true });
    const death = await this.#live(running);
    signal.removeEventListener('abort', ask);
    this.leaving = true;
    clearTimeout(this.#timer);
    this.#settleAfter(death);
    if (death.kind === 'asked' || (death.kind === 'killed' && signal.aborted)) return;
    if (death.kind === 'unloaded') throw new AfdError(death.code, death.message);
    const name = `The process of the handler of ${this.task_type}`;
    if (this.#isReady) throw new AfdError('E_INTERNAL', `${name} ended: ${saidOf(death)}.`);
    throw new AfdError('E_CONFIG', `${name} ended while it loaded the handler: ${saidOf(death)}.`);
  }

  /** Ends it when it has had time to clean up. */
  leave(): void {
    if (this.leaving) return;
    this.leaving = true;
    this.#death ??= { kind: 'asked' };
    this.#out.push({ kind: 'end' });
    this.#out.flush();
    // While it loads there is nothing to clean up.
    this.#killAfter(this.#isReady ? this.#options.graceMs + TERM_MS : 0);
  }

  /** From the start of the process until nothing of its group runs, and all that it said and printed was taken. */
  async #live(running: () => void): Promise<ProcessDeath> {
    let child: ChildProcess;
    try {
      child = spawnHandlerProcess(this.#options);
    } catch (error) {
      return { kind: 'not started', message: thrownText(error) };
    }
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null } | Error>((resolve) => {
      child.on('error', (error) => child.pid === undefined && resolve(error));
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    const silent = new Promise<void>((resolve) => child.once('disconnect', resolve));
    child.on('message', (message) => {
      for (const one of readBatch<FromThread>(message)) this.#take(one, running);
    });
    this.#child = child;
    this.#output = new ProcessOutput(child, {
      take: (stream, chunk) => this.#print(stream, chunk),
      plenty: () => this.#open?.output.plenty ?? this.#idleOutput?.full ?? false,
    });
    const end = await ended;
    if (end instanceof Error) return { kind: 'not started', message: end.message };
    signalGroup(child.pid!, 'SIGKILL');
    await groupEnded(child.pid!);
    const over = new AbortController();
    await Promise.race([silent, sleep(LAST_WORDS_MS, over.signal)]);
    over.abort();
    if (child.connected) child.disconnect();
    await this.#output.close();
    this.#idleOutput?.end();
    const stderr = this.#open?.output.stderrTail ?? '';
    return this.#death ?? { kind: 'exit', ...end, stderr, out_of_memory: this.#outOfMemory };
  }

  #take(message: FromThread, running: () => void): void {
    const one = this.#open;
    if (message.kind === 'ready') {
      this.#isReady = true;
      running();
    } else if (message.kind === 'begun') {
      if (one?.id === message.id) one.begun = true;
    } else if (message.kind === 'ended') {
      if (one?.id === message.id) void this.#end(one, message.outcome, message.rss ?? 0);
    } else if (message.kind === 'unloaded') {
      this.#death = { kind: 'unloaded', message: message.message, code: message.code as ErrorCode };
    } else if (message.kind === 'crash') {
      this.#death ??= message;
      this.#killAfter(TERM_MS);
    } else {
      const attempt = 'id' in message && one?.id === message.id ? one.attempt : undefined;
      passOn(message, attempt, this.#options, (answer) => this.#out.push(answer));
    }
  }

  async #end(one: Open, outcome: Outcome, rss: number): Promise<void> {
    if (!this.leaving) clearTimeout(this.#timer);
    one.outcome = keptOutcome(outcome, one.attempt.aborted(), one.attempt.task.timeout);
    await this.#output.taken();
    if (this.#open !== one) return;
    const { tasks, memory } = this.#options.recycle;
    this.#open = undefined;
    if (!this.leaving && (this.#begun >= tasks || rss >= memory)) {
      this.retired = true;
      this.leave();
    }
    one.settle(one.outcome);
  }

  #abort(one: Open, reason: AbortReason): void {
    if (this.#open !== one || one.outcome !== undefined) return;
    this.#out.push({ kind: 'abort', id: one.id, reason });
    this.#out.flush();
    if (!this.leaving) this.#killAfter(this.#options.graceMs);
  }

  #killAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const one = this.#open;
      if (!this.leaving && one !== undefined) this.#options.onWarning(ignoredSentence(one.attempt.task));
      this.leaving = true;
      if (this.#death?.kind !== 'crash') this.#death = { kind: 'killed' };
      this.#signal('SIGTERM');
      // A stopped process would not see it.
      this.#signal('SIGCONT');
      this.#timer = setTimeout(() => this.#signal('SIGKILL'), TERM_MS);
    }, ms);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, signal);
  }

  #settleAfter(death: ProcessDeath): void {
    const one = this.#open;
    this.#open = undefined;
    if (one === undefined) {
      if (death.kind === 'crash' || death.kind === 'exit') {
        this.#options.onWarning(
          `The process of the handler of ${this.task_type} ended between attempts: ${saidOf(death)}`,
        );
      }
      return;
    }
    const { task } = one.attempt;
    const left = { id: one.id, begun: one.begun, aborted: one.attempt.aborted(), timeout: task.timeout };
    one.settle(one.outcome ?? outcomeAfterDeath(death, left));
  }

  #print(stream: OutputStream, chunk: Buffer): void {
    if (stream === 'stderr' && saysOutOfMemory(chunk.toString('latin1'))) this.#outOfMemory = true;
    (this.#open?.output ?? this.#betweenAttempts()).write(stream, chunk);
  }

  /** What is printed while no attempt runs belongs to the module. */
  #betweenAttempts(): OutputLog {
    this.#idleOutput ??= new OutputLog(this.#options.logOf(this.task_type));
    return this.#idleOutput;
  }
}
