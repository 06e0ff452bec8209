// What the commands say about a task: the design document's words, times ISO 8601 UTC, JSON decoded.
import type { ProgressRecord } from './progress.ts';
import type { AssignmentStatus, TaskStatus } from './task.ts';

export interface TaskRecord {
  task_id: number;
  task_type: string;
  status: TaskStatus;
  /** The column, decoded once; text that is no JSON stays text. The payload of a handler is `TaskDetails.payload`. */
  task_data: unknown;
  username: string | null;
  app_id: string | null;
  start_date: string | null;
  end_date: string | null;
  priority: number | null;
  required_capabilities: unknown;
  /** Failed and timed-out attempts. */
  retry_count: number;
  /** Null = the fleet's setting. */
  max_retry_count: number | null;
  /** Number of the last try. */
  attempt: number;
  lost_count: number;
  dedupe_key: string | null;
  concurrency_key: string | null;
  target_device_id: string | null;
  /** The device that holds the task now; of one that has ended, the one that ran it last. */
  device_id: string | null;
  execution_timeout: number | null;
  estimated_duration: number | null;
  parent_id: number | null;
  batch_id: number | null;
  last_error: string | null;
  next_run_at: string | null;
  created_at: string | null;
  updated_at: string | null;
  finished_at: string | null;
  /** What its last attempt has reported; null = nothing. */
  progress: ProgressRecord | null;
}

export interface AssignmentRecord {
  assignment_id: number;
  /** Null = a row of another program, which is no attempt of afd's. */
  attempt: number | null;
  device_id: string;
  status: AssignmentStatus;
  assigned_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  deadline_at: string | null;
  retry_count: number;
  error_message: string | null;
  error_class: string | null;
  cause: string | null;
  revoked_at: string | null;
  revoke_outcome: 'cancelled' | 'released' | null;
  /** The operator, and the reason; also of what was done to the task after this attempt, such as `retried by ada@ops`. */
  revoked_by: string | null;
  result: unknown;
  /** What it has reported; null = nothing. */
  progress: ProgressRecord | null;
}

/** A task with its current or last attempt, as `afd tasks export` writes it. Null = it has none. */
export interface ExportedTask extends Omit<TaskRecord, 'progress'> {
  attempt_status: AssignmentStatus | null;
  attempt_device_id: string | null;
  assigned_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  error_message: string | null;
  error_class: string | null;
  /** Of a task that is done. */
  result: unknown;
}

export interface TaskDetails extends TaskRecord {
  result: unknown;
  /** What a handler sees as task_data: the columns overlaid by task_data. Null = task_data is not a JSON object. */
  payload: Record<string, unknown> | null;
  /** Every attempt, oldest first. */
  assignments: AssignmentRecord[];
}
