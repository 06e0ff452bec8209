import type { NodeView, Wanted } from '../node/liveness-messages.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Takes in what a tick saw, and wakes the claimer when there is work. Returns what the next ticks are to poll. */
export function obeyView(parts: WorkerParts, at: number, view: NodeView): Wanted {
  const { catalog, minScore, poller, attempts, runner, claimer } = parts;
  minScore.update(view.devices);
  poller.leaderLives = view.leader_lives;
  // For lanes that are polled one by one the poll is the better witness; for new ones, and for many, the publisher is.
  const fresh = catalog.learn(view.lanes);
  const believed = fresh || catalog.crowded ? view.lanes.filter((one) => one.due === 1) : [];
  catalog.markDue(believed, false);
  catalog.markDue(view.due, view.directed);
  if (view.open !== undefined) attempts.compare(at, view.open, runner, claimer);
  if (view.due.length > 0 || view.directed || believed.length > 0) claimer.wake();
  return { ranks: catalog.ranks(), known: catalog.known(), devices: minScore.wanted };
}
