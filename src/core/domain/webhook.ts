// What a webhook is, in the words of its rows and of the API.

export const BATCH_ENDED = 'batch.ended';
export const EVENT_TYPES = ['task.done', 'task.failed', 'task.cancelled', BATCH_ENDED] as const;
export type EventType = (typeof EVENT_TYPES)[number];
/** Of a delivery that an operator asks for, to see whether one arrives. */
export const TEST_EVENT = 'webhook.test';

export interface WebhookFilter {
  event_types: EventType[];
  /** Null = tasks of all types. Batches have none. */
  task_types: string[] | null;
}

export interface Webhook extends WebhookFilter {
  id: number;
  url: string;
  description: string | null;
  active: boolean;
  /** Of the fleet key with which its signing secret is encrypted; null = it is stored as it is. */
  secret_key_id: string | null;
  /** ISO 8601 UTC. Until then deliveries are signed with the former secret as well; null = there is none. */
  former_secret_until: string | null;
  created_at: string;
  created_by: string;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed';

export interface Delivery {
  id: number;
  event_type: string;
  task_id: number | null;
  batch_id: number | null;
  status: DeliveryStatus;
  /** Times that it was sent. */
  tries: number;
  next_try_at: string | null;
  last_try_at: string | null;
  /** HTTP status of the last answer; null = there was none. */
  last_code: number | null;
  last_error: string | null;
  /** Milliseconds of the last try. */
  last_ms: number | null;
  created_at: string;
}
