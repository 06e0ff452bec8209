// A handler that does not come back to its event loop, and holds up its whole process: on a worker, on the one that leads, on
// both.
import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChaosFleet } from './fleet.ts';
import { blockFile } from './handlers.ts';
import type { NodeProcess } from './node-process.ts';
import type { Step } from './plan.ts';

export interface Office {
  leader(): Promise<NodeProcess | undefined>;
  resign(): Promise<void>;
}

/** The next module handler of each victim blocks; `last` undoes it where none has begun in time. */
export async function block(
  fleet: ChaosFleet,
  { kind, ms, aim }: Step,
  office: Office,
  last: (ms: number, undo: () => Promise<void>) => void,
): Promise<void> {
  const workers = fleet.nodes.filter((one) => one.role === 'worker');
  const victims = new Set<NodeProcess>();
  if (kind !== 'block-worker') victims.add(await leadingWorker(workers, office));
  if (kind !== 'block-leader') victims.add(workers[Math.floor(aim * workers.length)]!);
  for (const { id } of victims) {
    const file = blockFile(fleet.dir, id);
    await writeFile(`${file}.new`, String(ms));
    await rename(`${file}.new`, file);
    fleet.history.note({ proc: 'storm', type: 'ok', f: 'block', victim: id, ms });
    last(ms, () => rm(file, { force: true }));
  }
}

/** A device that runs no tasks is made to resign first; then its successor gets a little time. */
async function leadingWorker(workers: NodeProcess[], { leader, resign }: Office): Promise<NodeProcess> {
  for (let tries = 0; tries < 20; tries += 1) {
    const now = await leader();
    if (now?.role === 'worker') return now;
    if (tries === 0 && now !== undefined) await resign();
    await pause(100);
  }
  return workers[0]!;
}
