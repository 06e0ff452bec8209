// Workers of a measurement: real ones, in this process, with a handler that does nothing.
import { configSchema } from '../config/config-schema.ts';
import { type Context, openContext } from '../context/context.ts';
import { functionHandler } from '../handlers/module-handler.ts';
import { Worker } from '../worker/worker.ts';
import type { Scratch } from './scratch.ts';

export const BENCH_TYPE = 'bench';

export interface BenchFleet {
  /** Rejects when a worker ends without being stopped. */
  failed: Promise<never>;
  stop(): Promise<void>;
}

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

/** Starts the workers; returns when all are ready to claim. @throws what ends a worker */
export async function startBenchFleet(context: Context, scratch: Scratch, options: FleetOptions): Promise<BenchFleet> {
  const stop = new AbortController();
  const call = (task: { task_data: Record<string, unknown> }) => {
    options.onBegin(task.task_data);
    return { ok: true, note: 'a result of about one hundred bytes, as a crawler would return for a page or two' };
  };
  const handlers = new Map([[BENCH_TYPE, functionHandler(call)]]);
  const runs: Array<Promise<unknown>> = [];
  const ready: Array<Promise<void>> = [];
  for (let n = 1; n <= options.workers; n += 1) {
    const device_id = `${scratch.name}-${n}`;
    const own = scratchContext(context, scratch, { device_id, max_concurrent_tasks: options.slots });
    ready.push(new Promise((resolve) => own.events.on('worker:started', () => resolve())));
    const { hostname, version } = options;
    const worker = new Worker(own, {
      ...{ mode: 'forever', handlers, drain: stop.signal, force: stop.signal, hostname, version },
    });
    runs.push(worker.run().finally(() => own.close()));
  }
  const failed = Promise.race(runs).then(() => new Promise<never>(() => {}));
  // Raced by the start, and by each measurement; between them a failure must not end the process.
  failed.catch(() => {});
  const fleet = {
    failed,
    async stop() {
      stop.abort();
      await Promise.allSettled(runs);
    },
  };
  try {
    await Promise.race([Promise.all(ready), failed]);
    return fleet;
  } catch (error) {
    await fleet.stop();
    throw error;
  }
}
