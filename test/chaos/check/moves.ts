// Rule 6: only moves of the transition table, for tasks and for attempts.

import type { AssignmentStatus, TaskStatus } from '../../../src/core/domain/task/task.ts';
import { canMove, canMoveAssignment } from '../../../src/core/domain/task/task-state.ts';
import { type Evidence, type Finding, OPEN } from './evidence.ts';

export function legalMoves(evidence: Evidence): Finding {
  const violations: string[] = [];
  let moves = 0;
  const stale = new Set<number>();
  for (const one of evidence.events) {
    if (one.table === 'task') {
      const { was, now, task } = one;
      // A program that knows nothing of tokens leaves one behind; the next claim replaces it.
      if (evidence.foreign.has(one.conn)) stale.add(task);
      if (now === undefined) continue;
      if (was === undefined && now.status !== 'pending') violations.push(`task ${task} was born ${now.status}`);
      if (was !== undefined && was.status !== now.status) {
        moves += 1;
        if (!canMove(was.status as TaskStatus, now.status as TaskStatus))
          violations.push(`task ${task} went from ${was.status} to ${now.status}`);
      }
      if (now.status === 'running' && now.token === null) violations.push(`task ${task} runs without a token`);
      if (now.status !== 'running' && now.token !== null && !stale.has(task))
        violations.push(`task ${task} is ${now.status} and still carries a token`);
      if (now.token === null) stale.delete(task);
    } else if (one.table === 'assignment') {
      const { was, now, task, attempt } = one;
      const name = `attempt ${attempt} of task ${task}`;
      if (now === undefined) {
        violations.push(`the record of ${name} was deleted`);
        continue;
      }
      if (was === undefined) continue;
      if (was === now) {
        // What operators do to a task that waits is noted with its last attempt.
        if (!OPEN.has(now) && one.proc !== 'operator')
          violations.push(`the record of ${name} was written again after it had ended as ${now}`);
        continue;
      }
      moves += 1;
      if (!canMoveAssignment(was as AssignmentStatus, now as AssignmentStatus))
        violations.push(`${name} went from ${was} to ${now}`);
    }
  }
  return { violations, counts: { moves } };
}
