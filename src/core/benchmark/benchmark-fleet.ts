// Workers of a measurement: real ones, in this process, with a handler that does nothing.
import { configSchema } from '../config/config-schema.ts';
import { type Context, openContext } from '../context/context.ts';
import { functionHandler } from '../handlers/module-handler.ts';
import { Service } from '../runtime/service.ts';
import { Worker } from '../worker/worker.ts';
import type { Scratch } from './scratch.ts';

export const BENCH_TYPE = 'bench';

export interface FleetOptions {
  workers: number;
  slots: number;
  hostname: string;
  version: string;
  /** Called as the first thing by each handler. */
  onBegin(taskData: Record<string, unknown>): void;
}

/** A context with the defaults of afd, in the scratch place, that logs nothing. */
export function scratchContext(context: Context, scratch: Scratch, worker: Record<string, unknown> = {}): Context {
  const config = configSchema.parse({ tables: scratch.tables, worker, log: { level: 'silent' } });
  config.database = { ...context.config.database, time_zone: '+00:00' };
  const resolved = { config, file: undefined, baseDir: '.', origins: {}, warnings: [], remarks: [], passedOver: [] };
  const silent = { write: () => {} };
  return openContext({ ...resolved, database: scratch.address }, { purpose: 'worker', logTo: silent });
}

/** The workers of a measurement; they run when all are ready to claim. `finished` rejects with what ended one of them. */
export class BenchFleet extends Service {
  readonly #context: Context;
  readonly #scratch: Scratch;
  readonly #options: FleetOptions;

  constructor(context: Context, scratch: Scratch, options: FleetOptions) {
    super();
    this.#context = context;
    this.#scratch = scratch;
    this.#options = options;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort(), { once: true });
    const ready: Array<Promise<void>> = [];
    const runs: Array<Promise<unknown>> = [];
    for (let n = 1; n <= this.#options.workers; n += 1) {
      const own = this.#contextOf(n);
      ready.push(new Promise((resolve) => own.events.on('worker:started', () => resolve())));
      runs.push(this.#work(own, stop.signal));
    }
    void Promise.all(ready).then(running);
    try {
      await Promise.all(runs);
    } catch (error) {
      // A worker that is stopped before it has started says so.
      if (!signal.aborted) throw error;
    } finally {
      stop.abort();
      await Promise.allSettled(runs);
    }
  }

  #contextOf(n: number): Context {
    const device_id = `${this.#scratch.name}-${n}`;
    return scratchContext(this.#context, this.#scratch, { device_id, max_concurrent_tasks: this.#options.slots });
  }

  async #work(context: Context, stop: AbortSignal): Promise<void> {
    const { hostname, version, onBegin } = this.#options;
    const call = (task: { task_data: Record<string, unknown> }) => {
      onBegin(task.task_data);
      return { ok: true, note: 'a result of about one hundred bytes, as a crawler would return for a page or two' };
    };
    const handlers = new Map([[BENCH_TYPE, functionHandler(call)]]);
    try {
      await new Worker(context, {
        mode: 'forever',
        handlers,
        env: {},
        drain: stop,
        force: stop,
        hostname,
        version,
      }).run();
    } finally {
      await context.close();
    }
  }
}
