import type { NodeView, Wanted } from '../node/liveness-messages.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Takes in what a tick saw, and wakes the claimer when there is work. Returns what the next ticks are to poll. */
export function obeyView(parts: WorkerParts, at: number, view: NodeView): Wanted {
  const { catalog, minScore, poller, attempts, claimer } = parts;
  minScore.update(view.devices);
  poller.leaderLives = view.leader_lives;
  // For lanes that are polled one by one the poll is the better witness; for new ones, and for many, the publisher is.
  const fresh = catalog.learn(view.lanes);
  const believed = fresh || catalog.crowded ? view.lanes.filter((one) => one.due === 1) : [];
  catalog.markDue(believed, false);
  catalog.markDue(view.due, view.directed);
  for (const one of view.open === undefined ? [] : attempts.compare(at, view.open)) {
    if (claimer.holds(one, at)) continue;
    const { task_id, assignment_id, claim_token } = one;
    const outcome = { kind: 'released', cause: 'unclaimed' } as const;
    claimer.finish({ task_id, task_type: '', attempt: 0, assignment_id, claim_token, outcome, age_ms: 0 });
  }
  if (view.due.length > 0 || view.directed || believed.length > 0) claimer.wake();
  return { ranks: catalog.ranks(), known: catalog.known(), devices: minScore.wanted };
}
