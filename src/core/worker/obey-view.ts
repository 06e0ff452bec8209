import type { NodeView, Wanted } from '../node/liveness-messages.ts';
import type { LaneCatalog } from './claim/lane-catalog.ts';
import type { MinScoreRule } from './claim/min-score-rule.ts';
import type { Poller } from './claim/poller.ts';
import type { HeldAttempts } from './run/held-attempts.ts';
import type { WorkerClaimer } from './worker-link.ts';

interface Viewing {
  catalog: LaneCatalog;
  minScore: MinScoreRule;
  poller: Poller;
  attempts: HeldAttempts;
  claimer: WorkerClaimer;
}

/** Takes in what a tick saw, and wakes the claimer when there is work. Returns what the next ticks are to poll. */
export function obeyView(parts: Viewing, at: number, view: NodeView): Wanted {
  const { catalog, minScore, poller, claimer } = parts;
  minScore.update(view.devices);
  poller.leaderLives = view.leader_lives;
  // For lanes that are polled one by one the poll is the better witness; for new ones, and for many, the publisher is.
  const fresh = catalog.learn(view.lanes);
  const believed = fresh || catalog.crowded ? view.lanes.filter((one) => one.due === 1) : [];
  catalog.markDue(believed, false);
  catalog.markDue(view.due, view.directed);
  obeyOpen(parts, at, view.open);
  if (view.due.length > 0 || view.directed || believed.length > 0) claimer.wake();
  return { ranks: catalog.ranks(), known: catalog.known(), devices: minScore.wanted };
}

/** Ends what was revoked or lost, and releases what the database holds open for this device although it does not run here. */
export function obeyOpen(
  { attempts, claimer }: Pick<Viewing, 'attempts' | 'claimer'>,
  at: number,
  open: NodeView['open'],
): void {
  for (const one of open === undefined ? [] : attempts.compare(at, open)) {
    if (claimer.holds(one, at)) continue;
    const { task_id, assignment_id, claim_token } = one;
    const outcome = { kind: 'released', cause: 'unclaimed' } as const;
    claimer.finish({ task_id, task_type: '', attempt: 0, assignment_id, claim_token, outcome, age_ms: 0 });
  }
}
