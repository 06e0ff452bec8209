// The one transition table. docs/explain/task-lifecycle.md draws it, and tests compare both with each other and with
// what the statements do. A status that stays the same is not a move.
import { ASSIGNMENT_STATUSES, type AssignmentStatus, TASK_STATUSES, type TaskStatus } from './task.ts';

export interface Move<Status> {
  from: Status;
  to: Status;
  /** What causes it, in the words of the diagram. */
  by: string;
}

export const TASK_MOVES: ReadonlyArray<Move<TaskStatus>> = [
  { from: 'pending', to: 'running', by: 'claim' },
  { from: 'pending', to: 'assigned', by: 'reassign --to' },
  { from: 'pending', to: 'waiting', by: 'park' },
  { from: 'pending', to: 'cancelled', by: 'cancel' },
  { from: 'assigned', to: 'running', by: 'claim by the target' },
  { from: 'assigned', to: 'pending', by: 'target gone, reassign' },
  { from: 'assigned', to: 'cancelled', by: 'cancel' },
  { from: 'waiting', to: 'running', by: 'place freed' },
  { from: 'waiting', to: 'pending', by: 'promote' },
  { from: 'waiting', to: 'cancelled', by: 'cancel' },
  { from: 'running', to: 'done', by: 'done' },
  { from: 'running', to: 'failed', by: 'permanent, budget spent, poison' },
  { from: 'running', to: 'pending', by: 'retry, later, release, lost' },
  { from: 'running', to: 'assigned', by: 'release after reassign --to' },
  { from: 'running', to: 'cancelled', by: 'revoke' },
  { from: 'failed', to: 'pending', by: 'retry' },
  { from: 'cancelled', to: 'pending', by: 'retry' },
  { from: 'done', to: 'pending', by: 'retry --force' },
];

/** An attempt that is short is never written as running: it goes from claimed to its end in one step. */
export const ASSIGNMENT_MOVES: ReadonlyArray<Move<AssignmentStatus>> = [
  { from: 'assigned', to: 'running', by: 'still running after 1 s' },
  ...(['assigned', 'running'] as const).flatMap(
    (from): Array<Move<AssignmentStatus>> => [
      { from, to: 'completed', by: 'done' },
      { from, to: 'failed', by: 'retry, permanent' },
      { from, to: 'timeout', by: 'deadline' },
      { from, to: 'cancelled', by: 'revoke' },
      { from, to: 'released', by: 'release, later' },
      { from, to: 'lost', by: 'rescue' },
    ],
  ),
];

/** Attempts that hold their task: claimed, whether the handler has begun or not. */
export const OPEN_ASSIGNMENT: readonly AssignmentStatus[] = ['assigned', 'running'];

/** True when a task in `from` may become `to`. */
export function canMove(from: TaskStatus, to: TaskStatus): boolean {
  return TASK_MOVES.some((move) => move.from === from && move.to === to);
}

/** True when an attempt in `from` may become `to`. */
export function canMoveAssignment(from: AssignmentStatus, to: AssignmentStatus): boolean {
  return ASSIGNMENT_MOVES.some((move) => move.from === from && move.to === to);
}

/** The statuses from which a task can become `to`, in the order of the table's ENUM. */
export function sourcesOf(to: TaskStatus): TaskStatus[] {
  return TASK_STATUSES.filter((from) => canMove(from, to));
}

/** The statuses from which an attempt can become `to`, in the order of the table's ENUM. */
export function assignmentSourcesOf(to: AssignmentStatus): AssignmentStatus[] {
  return ASSIGNMENT_STATUSES.filter((from) => canMoveAssignment(from, to));
}
