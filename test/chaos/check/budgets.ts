// Rule 9: no more attempts than the budget allows, no try before its time.
import {
  type AssignmentEvent,
  assignmentEvents,
  type Evidence,
  type Finding,
  isClaim,
  isEnd,
  taskEvents,
} from './evidence.ts';

/** next_run_at has milliseconds, and a share of one is cut off. */
const ROUNDING_S = 0.002;

export function budgetsKept(evidence: Evidence): Finding {
  const { max_retry_count, retry_backoff, poison_after } = evidence.settings;
  const violations: string[] = [];
  const ends = new Map<string, AssignmentEvent>();
  for (const one of assignmentEvents(evidence)) if (isEnd(one)) ends.set(`${one.task}/${one.attempt}`, one);
  const counts = { retries: 0, failed: 0, poisoned: 0 };
  for (const one of taskEvents(evidence)) {
    const { was, now, task } = one;
    if (was === undefined || now === undefined || evidence.foreign.has(one.conn)) continue;
    const budget = now.budget ?? max_retry_count;
    if (isClaim(one)) {
      if (was.due_in_s > ROUNDING_S) violations.push(`task ${task} was claimed ${was.due_in_s} s before it was due`);
      if (was.retry > budget) violations.push(`task ${task} was tried again after ${was.retry} of ${budget} retries`);
      continue;
    }
    if (was.status !== 'running' || now.status === 'running') continue;
    const end = ends.get(`${task}/${was.attempt}`);
    const spent = now.retry - was.retry;
    if (spent < 0 || spent > 1) violations.push(`task ${task}: retry went from ${was.retry} to ${now.retry}`);
    if (end?.now === 'lost' && spent !== 0) violations.push(`task ${task}: a lost attempt spent a retry`);
    if (now.status === 'failed') {
      if (end?.now === 'lost') {
        counts.poisoned += 1;
        if (now.lost_count < poison_after)
          violations.push(`task ${task} was set aside after ${now.lost_count} of ${poison_after} deaths`);
      } else counts.failed += 1;
      continue;
    }
    if (now.lost_count >= poison_after) violations.push(`task ${task} goes on after ${now.lost_count} deaths`);
    if (spent !== 1 || now.status === 'done') continue;
    counts.retries += 1;
    if (now.retry > budget) violations.push(`task ${task} is open with ${now.retry} of ${budget} retries spent`);
    const plain = Math.min(retry_backoff.max, retry_backoff.initial * 2 ** (now.retry - 1));
    const floor = plain * (1 - retry_backoff.jitter) - ROUNDING_S;
    if (now.due_in_s < floor)
      violations.push(`task ${task} is due again in ${now.due_in_s} s, before the floor of ${floor.toFixed(3)} s`);
  }
  return { violations, counts };
}
