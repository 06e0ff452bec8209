// Those who enqueue: each task under its dedupe key, each answer in the history. What came back without an answer is sent
// again under the same key, mostly; some give up, so that there are outcomes that nobody knows.
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from '../../src/core/db/database-error.ts';
import type { Session } from '../../src/core/db/session.ts';
import { enqueueTasks } from '../../src/core/tasks/tasks.ts';
import type { ChaosFleet } from './fleet.ts';
import type { PlannedTask } from './plan.ts';
import { Random } from './random.ts';

export const PRODUCERS = ['producer-1', 'producer-2'];
/** Most tasks of one call. */
const MOST = 20;
const GIVES_UP = 0.1;

export interface Producers {
  /** Lets the producers go on to that share of all tasks, 0–1. */
  release(share: number): void;
  /** Resolves when every task was sent and answered, or given up. Rejects with what is no fault of the database. */
  done: Promise<unknown>;
}

export function startProducers(fleet: ChaosFleet, tasks: PlannedTask[], seed: number): Producers {
  let released = 0;
  const limit = () => Math.floor(released * tasks.length);
  const done = Promise.all(
    PRODUCERS.map((proc, n) => {
      const mine = tasks
        .map((task, place) => ({ task, place }))
        .filter(({ task, place }) => task.twice || place % 2 === n);
      return produce(fleet, proc, mine, limit, new Random(seed + n));
    }),
  );
  done.catch(() => {});
  return {
    release(share) {
      released = Math.max(released, Math.min(1, share));
    },
    done,
  };
}

async function produce(
  fleet: ChaosFleet,
  proc: string,
  mine: Array<{ task: PlannedTask; place: number }>,
  limit: () => number,
  random: Random,
): Promise<void> {
  const session = fleet.session(proc);
  for (let next = 0; next < mine.length; ) {
    const free = () => mine.slice(next, next + MOST).filter(({ place }) => place < limit());
    while (free().length === 0) await pause(20);
    const batch = free().slice(0, random.int(1, MOST));
    await send(
      fleet,
      session,
      proc,
      batch.map(({ task }) => task),
      random,
    );
    next += batch.length;
  }
  await session.close();
}

async function send(
  fleet: ChaosFleet,
  session: Session,
  proc: string,
  tasks: PlannedTask[],
  random: Random,
): Promise<void> {
  const { history, names } = fleet;
  for (;;) {
    for (const { key } of tasks) history.note({ proc, type: 'invoke', f: 'enqueue', key });
    try {
      await session.ready();
      const answers = await enqueueTasks(
        session,
        names,
        tasks.map(({ key, task_type, task_data, execution_timeout }) => ({
          task_type,
          task_data,
          dedupe_key: key,
          ...(execution_timeout === undefined ? {} : { execution_timeout }),
        })),
        { maxRetryCount: 3 },
      );
      for (const [n, { task_id }] of answers.entries()) {
        const { key, task_data } = tasks[n]!;
        history.note({ proc, type: 'ok', f: 'enqueue', key, task: task_id });
        if (task_data.fate === 'parent') history.note({ proc, type: 'info', f: 'parent', task: task_id });
      }
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.retry === 'final') throw error;
      for (const { key } of tasks) history.note({ proc, type: 'info', f: 'enqueue', key, message: error.message });
      if (random.chance(GIVES_UP)) return;
      await pause(100);
    }
  }
}
