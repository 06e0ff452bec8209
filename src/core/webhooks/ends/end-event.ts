// The event of a task that ended, and which webhooks want it.

import { utcToIso } from '../../db/rows.ts';
import type { Row } from '../../db/session.ts';
import type { ActiveWebhook } from '../../db/webhooks/webhook-rows.ts';
import type { EventType } from '../../domain/webhook.ts';

export interface EndEvent {
  source: 'attempt' | 'end';
  source_id: number;
  type: EventType;
  task_id: number;
  task_type: string | null;
  /** As the server spells it, UTC. */
  ended_at: string;
  body: string;
}

const STATUSES = ['done', 'failed', 'cancelled'] as const;
type EndStatus = (typeof STATUSES)[number];

/** Of an attempt that has ended; undefined = its task has not ended with it. */
export function endOfAttempt(row: Row): EndEvent | undefined {
  const status = statusOf(row);
  if (status === undefined) return undefined;
  return event(row, { source: 'attempt', status, ended_at: row.completed_at });
}

/** Of a task that ended without an attempt. */
export function endWithoutAttempt(row: Row): EndEvent {
  return event(row, { source: 'end', status: row.status, ended_at: row.ended_at });
}

export function wants({ event_types, task_types, active_since }: ActiveWebhook, end: EndEvent): boolean {
  if (!event_types.includes(end.type) || end.ended_at < active_since) return false;
  return task_types === null || (end.task_type !== null && task_types.includes(end.task_type));
}

/** The task may have gone on since: then only what an attempt itself says of its task is certain. */
function statusOf(row: Row): EndStatus | undefined {
  if (row.attempt === null || row.completed_at === null) return undefined;
  if (row.task_attempt === row.attempt) return STATUSES.find((one) => one === row.task_status);
  if (row.status === 'cancelled') return 'cancelled';
  return row.status === 'completed' && row.cause === null ? 'done' : undefined;
}

function event(
  row: Row,
  { source, status, ended_at }: { source: EndEvent['source']; status: EndStatus; ended_at: string },
): EndEvent {
  const type = `task.${status}` as const;
  const data = {
    task_id: String(row.task_id),
    task_type: row.task_type,
    username: row.username,
    app_id: row.app_id,
    start_date: row.start_date,
    end_date: row.end_date,
    parent_id: row.parent_id === null ? null : String(row.parent_id),
    status,
    attempt: row.attempt ?? null,
    device_id: row.device_id ?? null,
    started_at: utcToIso(row.started_at),
    ended_at: utcToIso(ended_at),
    cause: row.cause,
    error_class: row.error_class ?? null,
    error_message: row.error_message ?? null,
  };
  const body = JSON.stringify({ type, timestamp: data.ended_at, data });
  return {
    ...{ source, source_id: Number(row.id), type, task_id: Number(row.task_id), task_type: row.task_type },
    ...{ ended_at, body },
  };
}
