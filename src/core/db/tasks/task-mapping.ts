// Task and assignment rows as records.
import type { AssignmentRecord, TaskRecord } from '../../domain/task/task-record.ts';
import { progressRecord } from '../reports/progress-record.ts';
import { fromJson, utcToIso } from '../rows.ts';
import type { Row } from '../session.ts';

/**
 * Columns of a task, of the table `t`. The table's own times leave the session's zone here, each by the rules of its own
 * day. CONVERT_TZ needs no zone tables for that: the zone is an offset, SYSTEM, or a name that the server has accepted.
 */
export const TASK_COLUMNS = `t.id, t.task_type, t.status, t.task_data, t.username, t.app_id, t.start_date, t.end_date,
  t.priority, t.required_capabilities, t.retry, t.max_retry_count, t.attempt, t.lost_count, t.dedupe_key,
  t.concurrency_key, t.target_device_id, t.execution_timeout, t.estimated_duration, t.parent_id, t.batch_id, t.last_error,
  CONVERT_TZ(t.next_run_at, @@session.time_zone, '+00:00') AS next_run_at,
  CONVERT_TZ(t.created_at, @@session.time_zone, '+00:00') AS created_at,
  CONVERT_TZ(t.updated_at, @@session.time_zone, '+00:00') AS updated_at, t.finished_at`;

/** `row` has TASK_COLUMNS, PROGRESS_COLUMNS of the last attempt, and the `device_id` that TaskRecord means. */
export function taskRecord(row: Row): TaskRecord {
  return {
    task_id: row.id,
    task_type: row.task_type,
    status: row.status,
    task_data: fromJson(row.task_data),
    username: row.username,
    app_id: row.app_id,
    start_date: row.start_date,
    end_date: row.end_date,
    priority: row.priority,
    required_capabilities: fromJson(row.required_capabilities),
    retry_count: row.retry ?? 0,
    max_retry_count: row.max_retry_count,
    attempt: row.attempt,
    lost_count: row.lost_count,
    dedupe_key: row.dedupe_key,
    concurrency_key: row.concurrency_key,
    target_device_id: row.target_device_id,
    device_id: row.device_id ?? null,
    execution_timeout: row.execution_timeout,
    estimated_duration: row.estimated_duration,
    parent_id: row.parent_id,
    batch_id: row.batch_id,
    last_error: row.last_error,
    next_run_at: utcToIso(row.next_run_at),
    created_at: utcToIso(row.created_at),
    updated_at: utcToIso(row.updated_at),
    finished_at: utcToIso(row.finished_at),
    progress: progressRecord(row, row.status === 'running'),
  };
}

/** `row` is a whole row of the assignment table, with PROGRESS_COLUMNS. */
export function assignmentRecord(row: Row): AssignmentRecord {
  return {
    assignment_id: row.id,
    attempt: row.attempt,
    device_id: row.device_id,
    status: row.status,
    assigned_at: utcToIso(row.assigned_at),
    started_at: utcToIso(row.started_at),
    completed_at: utcToIso(row.completed_at),
    deadline_at: utcToIso(row.deadline_at),
    retry_count: row.retry_count ?? 0,
    error_message: row.error_message,
    error_class: row.error_class,
    cause: row.cause,
    revoked_at: utcToIso(row.revoked_at),
    revoke_outcome: row.revoke_outcome,
    revoked_by: row.revoked_by,
    result: fromJson(row.result),
    progress: progressRecord(row, row.status === 'assigned' || row.status === 'running'),
  };
}
