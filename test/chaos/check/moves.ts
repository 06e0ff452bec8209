// Rules 6 and 9: only moves of the transition table; no more attempts than the budget allows, no try before its time.
import type { AssignmentStatus, TaskStatus } from '../../../src/core/domain/task/task.ts';
import { canMove, canMoveAssignment } from '../../../src/core/domain/task/task-state.ts';
import { endsOf, isClaim, OPEN, type Rule, taskEvents } from './evidence.ts';

/** 6. For tasks and for attempts. */
export const legalMoves: Rule = (evidence, wrong) => {
  let moves = 0;
  const stale = new Set<number>();
  for (const one of evidence.events) {
    if (one.table === 'task') {
      const { was, now, task } = one;
      // A program that knows nothing of tokens leaves one behind; the next claim replaces it.
      if (evidence.foreign.has(one.conn)) stale.add(task);
      if (now === undefined) continue;
      if (was === undefined && now.status !== 'pending') wrong(`task ${task} was born ${now.status}`);
      if (was !== undefined && was.status !== now.status) {
        moves += 1;
        if (!canMove(was.status as TaskStatus, now.status as TaskStatus))
          wrong(`task ${task} went from ${was.status} to ${now.status}`);
      }
      if (now.status === 'running' && now.token === null) wrong(`task ${task} runs without a token`);
      if (now.status !== 'running' && now.token !== null && !stale.has(task))
        wrong(`task ${task} is ${now.status} and still carries a token`);
      if (now.token === null) stale.delete(task);
    } else if (one.table === 'assignment') {
      const { was, now } = one;
      const name = `attempt ${one.attempt} of task ${one.task}`;
      if (now === undefined) wrong(`the record of ${name} was deleted`);
      else if (was === now) {
        // What operators do to a task that waits is noted with its last attempt.
        if (!OPEN.has(now) && one.proc !== 'operator')
          wrong(`the record of ${name} was written again after it had ended as ${now}`);
      } else if (was !== undefined) {
        moves += 1;
        if (!canMoveAssignment(was as AssignmentStatus, now as AssignmentStatus))
          wrong(`${name} went from ${was} to ${now}`);
      }
    }
  }
  return { moves };
};

/** next_run_at has milliseconds, and a share of one is cut off. */
const ROUNDING_S = 0.002;

/** 9. */
export const budgetsKept: Rule = (evidence, wrong) => {
  const { max_retry_count, retry_backoff, poison_after } = evidence.settings;
  const ends = endsOf(evidence);
  const counts = { retries: 0, failed: 0, poisoned: 0 };
  for (const one of taskEvents(evidence)) {
    const { was, now, task } = one;
    if (was === undefined || now === undefined || evidence.foreign.has(one.conn)) continue;
    const budget = now.budget ?? max_retry_count;
    if (isClaim(one)) {
      if (was.due_in_s > ROUNDING_S) wrong(`task ${task} was claimed ${was.due_in_s} s before it was due`);
      if (was.retry > budget) wrong(`task ${task} was tried again after ${was.retry} of ${budget} retries`);
      continue;
    }
    if (was.status !== 'running' || now.status === 'running') continue;
    const lost = ends.get(`${task}/${was.attempt}`)?.now === 'lost';
    const spent = now.retry - was.retry;
    if (spent < 0 || spent > 1) wrong(`task ${task}: retry went from ${was.retry} to ${now.retry}`);
    if (lost && spent !== 0) wrong(`task ${task}: a lost attempt spent a retry`);
    if (now.status === 'failed') {
      counts[lost ? 'poisoned' : 'failed'] += 1;
      if (lost && now.lost_count < poison_after)
        wrong(`task ${task} was set aside after ${now.lost_count} of ${poison_after} deaths`);
      continue;
    }
    if (now.lost_count >= poison_after) wrong(`task ${task} goes on after ${now.lost_count} deaths`);
    if (spent !== 1 || now.status === 'done') continue;
    counts.retries += 1;
    if (now.retry > budget) wrong(`task ${task} is open with ${now.retry} of ${budget} retries spent`);
    const plain = Math.min(retry_backoff.max, retry_backoff.initial * 2 ** (now.retry - 1));
    const floor = plain * (1 - retry_backoff.jitter) - ROUNDING_S;
    if (now.due_in_s < floor)
      wrong(`task ${task} is due again in ${now.due_in_s} s, before the floor of ${floor.toFixed(3)} s`);
  }
  return counts;
};
