// `server.workers`: processes that share one port. The first process accepts connections and hands them round (node:cluster); it
// serves none itself, so nothing that a request does can end it.
import cluster, { type Worker as Child } from 'node:cluster';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../core/domain/errors.ts';
import { Backoff } from '../../core/runtime/backoff.ts';
import { monotonic } from '../../core/runtime/clock.ts';
import type { Events } from '../../core/runtime/events.ts';
import { sleep } from '../../core/runtime/loop.ts';
import { Service } from '../../core/runtime/service.ts';
import type { FromProcess, ToProcess } from './messages.ts';

export interface GatewayProcessesOptions {
  count: number;
  /** Path of the program of a process. */
  entry: string;
  serve: ToProcess & { kind: 'serve' };
  events: Events;
  /** Milliseconds that the processes may take to end after they were asked to. */
  endMs: number;
  onListening(url: string): void;
}

type Failed = FromProcess & { kind: 'failed' };

/** A process that listened for longer, in milliseconds, is replaced without a pause. */
const LIVED_MS = 30_000;
/** Codes that another try does not cure. */
const FINAL = new Set<ErrorCode>(['E_CONFIG', 'E_SCHEMA', 'E_FORBIDDEN', 'E_USAGE', 'E_INTERNAL']);
/** After `force()`, in milliseconds. */
const FORCED_MS = 2000;

/** Runs when all processes have listened once. `finished` rejects with what a process says that can never serve. */
export class GatewayProcesses extends Service {
  readonly #o: GatewayProcessesOptions;
  /** The device ids of those that serve. */
  readonly #serving = new Map<Child, string>();
  readonly #children = new Set<Child>();
  #url: string | undefined;

  constructor(options: GatewayProcessesOptions) {
    super();
    this.#o = options;
  }

  get url(): string {
    return this.#url ?? '';
  }

  get deviceIds(): string[] {
    return [...this.#serving.values()].sort();
  }

  /** Answers that are under way are cut. */
  force(): void {
    for (const child of this.#children) {
      send(child, { kind: 'force' });
      setTimeout(() => child.process.kill('SIGKILL'), FORCED_MS).unref();
    }
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { count, entry } = this.#o;
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({
      exec: entry,
      args: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const inner = new AbortController();
    const stop = () => inner.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let first = count;
    const begun = () => {
      first -= 1;
      if (first === 0) running();
    };
    // One that can never serve ends the others.
    const places = Array.from({ length: count }, () => this.#keep(inner.signal, begun).finally(stop));
    const ends = await Promise.allSettled(places);
    for (const one of ends) if (one.status === 'rejected') throw one.reason;
  }

  /** Keeps one process running until the signal. @throws AfdError what it says, where another try cures nothing */
  async #keep(signal: AbortSignal, begun: () => void): Promise<void> {
    const { events } = this.#o;
    const backoff = new Backoff({ initialMs: 200, maxMs: 10_000 });
    let listened = false;
    while (!signal.aborted) {
      const since = monotonic();
      const { how, failure, pid } = await this.#once(signal, () => {
        if (!listened) begun();
        listened = true;
      });
      if (signal.aborted) break;
      if (failure !== undefined && (!listened || FINAL.has(failure.code as ErrorCode))) throw errorOf(failure);
      if (failure === undefined && !listened)
        throw new AfdError('E_INTERNAL', `Process ${pid} of the gateway ended (${how}) before it listened.`);
      if (monotonic() - since > LIVED_MS) backoff.reset();
      await sleep(backoff.next(), signal);
      if (signal.aborted) break;
      const why = failure === undefined ? how : failure.message;
      events.emit('warning', { message: `process ${pid} of the gateway ended (${why}); another one starts` });
    }
  }

  /** The life of one process. */
  async #once(
    signal: AbortSignal,
    listening: () => void,
  ): Promise<{ how: string; failure: Failed | undefined; pid: number | undefined }> {
    const child = cluster.fork();
    this.#children.add(child);
    let failure: Failed | undefined;
    child.on('message', (message: FromProcess) => {
      if (message.kind === 'waiting') send(child, this.#o.serve);
      if (message.kind === 'failed') failure = message;
      // One that was still starting may find the port closed by then.
      if (message.kind !== 'listening' || signal.aborted) return;
      this.#serving.set(child, message.deviceId);
      if (this.#url !== message.url) this.#o.onListening(message.url);
      this.#url = message.url;
      listening();
    });
    let timer: NodeJS.Timeout | undefined;
    const stop = () => {
      send(child, { kind: 'stop' });
      timer = setTimeout(() => child.process.kill('SIGKILL'), this.#o.endMs);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const how = await new Promise<string>((resolve) => {
      child.on('error', () => {});
      child.process.once('error', (error) => resolve(error.message));
      child.once('exit', (code, name) => resolve(name === null ? `exit code ${code}` : name));
    });
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    this.#children.delete(child);
    // Those that listened last are what the result names.
    if (!signal.aborted) this.#serving.delete(child);
    return { how, failure, pid: child.process.pid };
  }
}

/** A process that is gone already needs no word. */
function send(child: Child, message: ToProcess): void {
  if (child.isConnected()) child.send(message, () => {});
}

function errorOf({ code, message, suggestions, data }: Failed): AfdError {
  return new AfdError(code in ERROR_CODES ? (code as ErrorCode) : 'E_INTERNAL', message, { suggestions, data });
}
