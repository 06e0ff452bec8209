// `afd bench`: what the configured database can do, measured in a place of its own that is removed afterwards.

import type { Context } from '../context/context.ts';
import { Producer } from '../context/producer.ts';
import { countEnded } from '../db/attempts/count-ended.ts';
import { type Durability, readDurability } from '../db/server/durability.ts';
import { AfdError } from '../domain/errors.ts';
import type { NewTask } from '../domain/task/task.ts';
import { counted } from '../domain/text/counted.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { BENCH_TYPE, BenchFleet, scratchContext } from './benchmark-fleet.ts';
import { makeScratch, type Scratch } from './scratch.ts';

export interface BenchOptions {
  /** Tasks of the bulk; an eighth as many are inserted singly. */
  tasks: number;
  workers: number;
  /** Tasks at once per worker. */
  slots: number;
  hostname: string;
  version: string;
  /** Ends the measurement; what was made is removed all the same. */
  stop: AbortSignal;
  /** Called with a description of the step that begins. */
  say(text: string): void;
}

export interface Rate {
  tasks: number;
  seconds: number;
  tasks_per_s: number;
}

export interface Latency {
  tasks: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
}

export interface BenchResult {
  database: { where: string; server: string; version: string } & Durability;
  /** Where it was measured; removed by now. */
  scratch: { kind: 'schema' | 'tables'; name: string };
  workers: number;
  slots: number;
  /** 1,000 tasks a call. */
  enqueue_bulk: Rate;
  /** One task a call, ten calls at once. */
  enqueue_single: Rate;
  drain: Rate;
  /** From the call that enqueues a task to its handler's first line, with all slots free. */
  latency: Latency;
}

const BULK = 1000;
const AT_ONCE = 10;
const POLL_MS = 5;
const MOST_LATENCY_TASKS = 60;

/** @throws AfdError E_TEMPORARY when `stop` ended it, E_INTERNAL when a task did not run exactly once; DatabaseError */
export async function bench(context: Context, options: BenchOptions): Promise<BenchResult> {
  const session = await context.session();
  const durability = await readDurability(session);
  const { version, isMariaDb } = session.facts;
  const scratch = await makeScratch(context, (name) =>
    options.say(`Measuring in ${name}, which will be removed at the end.`),
  );
  try {
    const figures = await new Measurement(context, scratch, options).run();
    const { where } = session;
    return {
      database: { where, server: isMariaDb ? 'MariaDB' : 'MySQL', version, ...durability },
      scratch: { kind: scratch.kind, name: scratch.name },
      workers: options.workers,
      slots: options.slots,
      ...figures,
    };
  } finally {
    await scratch.remove();
  }
}

class Measurement {
  readonly #context: Context;
  readonly #scratch: Scratch;
  readonly #o: BenchOptions;
  /** Monotonic time of each task's handler, by its number. */
  readonly #begun = new Map<number, number>();
  #repeated = 0;
  #made = 0;

  constructor(context: Context, scratch: Scratch, options: BenchOptions) {
    this.#context = context;
    this.#scratch = scratch;
    this.#o = options;
  }

  async run(): Promise<Pick<BenchResult, 'enqueue_bulk' | 'enqueue_single' | 'drain' | 'latency'>> {
    const { tasks, say } = this.#o;
    const context = scratchContext(this.#context, this.#scratch);
    try {
      const producers = await Promise.all(Array.from({ length: AT_ONCE }, () => this.#producer(context)));
      const first = producers[0]!;
      say(`Adding ${counted(tasks, 'task')}, ${BULK} per call …`);
      const enqueue_bulk = await this.#rate(tasks, () => this.#add([first], tasks, BULK));
      const some = Math.max(AT_ONCE, Math.round(tasks / 8));
      say(`Adding ${some} tasks one per call, ${AT_ONCE} calls at once …`);
      const enqueue_single = await this.#rate(some, () => this.#add(producers, some, 1));
      const { workers, slots, hostname, version } = this.#o;
      say(`Executing them with ${counted(workers, 'worker')} of ${counted(slots, 'slot')} each …`);
      const onBegin = ({ n }: Record<string, unknown>) => this.#begin(Number(n));
      const fleet = new BenchFleet(this.#context, this.#scratch, { workers, slots, hostname, version, onBegin });
      // It settles only by a failure as long as it is not stopped.
      const failed = fleet.finished.then(() => new Promise<never>(() => {}));
      try {
        await fleet.start();
        const drain = await Promise.race([this.#drain(first), failed]);
        const single = Math.min(MOST_LATENCY_TASKS, Math.max(10, Math.round(tasks / 100)));
        say(`Adding ${single} single tasks to idle workers …`);
        const latency = await Promise.race([this.#latency(first, single), failed]);
        return { enqueue_bulk, enqueue_single, drain, latency };
      } finally {
        await fleet.stop();
        await Promise.all(producers.map((one) => one.close()));
      }
    } finally {
      await context.close();
    }
  }

  async #producer(context: Context): Promise<Producer> {
    return new Producer(await context.session({ multiStatements: true }), context.names, context.config);
  }

  /** `producers` share the work: each takes the next `size` tasks. */
  async #add(producers: Producer[], count: number, size: number): Promise<void> {
    let left = count;
    const work = async (producer: Producer) => {
      while (left > 0) {
        this.#goOn();
        const part = Math.min(size, left);
        left -= part;
        await producer.enqueue(Array.from({ length: part }, () => this.#task()));
      }
    };
    await Promise.all(producers.map(work));
  }

  #task(): NewTask {
    const n = this.#made++;
    return {
      task_type: BENCH_TYPE,
      task_data: { n, username: `user${n % 100}@example.com`, app_id: 'com.example.app' },
    };
  }

  #begin(n: number): void {
    if (this.#begun.has(n)) this.#repeated += 1;
    this.#begun.set(n, monotonic());
  }

  /** From the first handler's first line until the database has no unfinished task. */
  async #drain(producer: Producer): Promise<Rate> {
    const tasks = this.#made;
    const end = await this.#untilEnded(producer);
    const begin = Math.min(...[...this.#begun.values()].slice(0, 1000));
    return rate(tasks, (end - begin) / 1000);
  }

  async #latency(producer: Producer, count: number): Promise<Latency> {
    const called = new Map<number, number>();
    for (let k = 0; k < count; k += 1) {
      this.#goOn();
      await sleep(50 + Math.random() * 100);
      const task = this.#task();
      called.set(this.#made - 1, monotonic());
      await producer.enqueue([task]);
    }
    await this.#untilEnded(producer);
    const waits = [...called].map(([n, at]) => this.#begun.get(n)! - at).sort((a, b) => a - b);
    const at = (share: number) => Number(waits[Math.ceil(waits.length * share) - 1]!.toFixed(1));
    return { tasks: waits.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
  }

  /** Returns the time at which the database said so. @throws AfdError E_INTERNAL unless each task ran once */
  async #untilEnded(producer: Producer): Promise<number> {
    const { names } = this.#scratch;
    for (;;) {
      this.#goOn();
      await sleep(POLL_MS);
      if (this.#begun.size < this.#made) continue;
      const ended = await countEnded(await producer.session(), names);
      const at = monotonic();
      if (ended.unfinished > 0) continue;
      if (ended.done === this.#made && ended.attempts === this.#made && this.#repeated === 0) return at;
      const said = `${ended.done} done in ${ended.attempts} attempts, ${this.#repeated} handlers ran again`;
      throw new AfdError('E_INTERNAL', `Each of the ${this.#made} tasks should have run once, but: ${said}.`, {
        data: { ...ended },
      });
    }
  }

  async #rate(tasks: number, work: () => Promise<void>): Promise<Rate> {
    const begin = monotonic();
    await work();
    return rate(tasks, (monotonic() - begin) / 1000);
  }

  #goOn(): void {
    if (!this.#o.stop.aborted) return;
    throw new AfdError('E_TEMPORARY', 'The benchmark was interrupted; its scratch tables were removed.', {
      suggestions: ['afd bench --tasks 1000'],
    });
  }
}

function rate(tasks: number, seconds: number): Rate {
  return { tasks, seconds: Number(seconds.toFixed(3)), tasks_per_s: Math.round(tasks / seconds) };
}
