import type { ClaimedTask } from '../../db/claim/claimed-task.ts';

/** The slots of this worker, as a claim needs to know them. */
export interface Slots {
  /** Room for tasks when `prefetch` of them may wait for a slot. */
  room(prefetch: number): number;
  /** Slots that no attempt has held for longer than `ms`; of a type with a maximum: places. */
  slotsYounger(ms: number, taskType?: string): number;
  /** By task type with a maximum: places in which a task can begin, and attempts that wait for one. */
  readonly places: ReadonlyMap<string, { readonly max: number; readonly free: number; readonly waiting: number }>;
  /** Seconds that an attempt of this task may run. */
  timeoutOf(task: ClaimedTask): number;
}
