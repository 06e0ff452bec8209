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

/**
 * `release` lets the producers go on to that share of all tasks, 0–1. `done` resolves when every task was sent and
 * answered, or given up; it rejects with what is no fault of the database.
 */
export function startProducers(fleet: ChaosFleet, tasks: PlannedTask[], seed: number) {
  let limit = 0;
  const produce = async (proc: string, own: number): Promise<void> => {
    const random = new Random(seed + own);
    const session = fleet.session(proc);
    const mine = [...tasks.entries()].filter(([place, { twice }]) => twice || place % 2 === own);
    for (let next = 0; next < mine.length; ) {
      const free = () => mine.slice(next, next + MOST).filter(([place]) => place < limit);
      while (free().length === 0) await pause(20);
      const batch = free().slice(0, random.int(1, MOST));
      await send(
        fleet,
        session,
        proc,
        batch.map(([, task]) => task),
        random,
      );
      next += batch.length;
    }
    await session.close();
  };
  const done = Promise.all(PRODUCERS.map(produce));
  done.catch(() => {});
  const release = (share: number) => {
    limit = Math.max(limit, Math.floor(Math.min(1, share) * tasks.length));
  };
  return { release, done };
}

async function send(fleet: ChaosFleet, session: Session, proc: string, tasks: PlannedTask[], random: Random) {
  const { history, names } = fleet;
  const asked = tasks.map(({ key, twice: _, ...task }) => ({ ...task, dedupe_key: key }));
  const line = { proc, f: 'enqueue' };
  for (;;) {
    for (const { key } of tasks) history.note({ ...line, type: 'invoke', key });
    try {
      await session.ready();
      const answers = await enqueueTasks(session, names, asked, { maxRetryCount: 3 });
      for (const [n, { task_id: task }] of answers.entries()) {
        const { key, task_data } = tasks[n]!;
        history.note({ ...line, type: 'ok', key, task });
        if (task_data.fate === 'parent') history.note({ proc, type: 'info', f: 'parent', task });
      }
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.retry === 'final') throw error;
      for (const { key } of tasks) history.note({ ...line, type: 'info', key, message: error.message });
      if (random.chance(GIVES_UP)) return;
      await pause(100);
    }
  }
}
