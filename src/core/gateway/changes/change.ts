// What a stream of changes says. Ids are texts, times are ISO 8601 in UTC.
import type { CHANGE_TYPES } from '../../../http/events-contract.ts';

export interface TaskCreated {
  type: 'task.created';
  task_id: string;
  task_type: string;
  status: string;
  parent_id: string | null;
  created_at: string | null;
}

export interface TaskStarted {
  type: 'task.started';
  task_id: string;
  task_type: string | null;
  attempt: number | null;
  device_id: string;
  started_at: string | null;
}

export interface TaskEnded {
  type: 'task.ended';
  task_id: string;
  task_type: string | null;
  /** Null = no attempt ended it. */
  attempt: number | null;
  device_id: string | null;
  attempt_status: string | null;
  /** Null = another attempt is its current one by now. */
  task_status: string | null;
  cause: string | null;
  error_message: string | null;
  ended_at: string | null;
}

export interface BatchEnded {
  type: 'batch.ended';
  batch_id: string;
  name: string;
  created_at: string | null;
  sealed_at: string | null;
  ended_at: string | null;
}

export interface DeviceStatus {
  type: 'device.status';
  device_id: string;
  device_type: string;
  /** Null = the device was removed. */
  status: string | null;
  operator_state: string | null;
}

export interface LeaderChanged {
  type: 'leader.changed';
  device_id: string | null;
  term: number;
}

export interface SettingChanged {
  type: 'setting.changed';
  name: string;
  /** Null = it is no longer set. */
  value: unknown;
}

/** More changes of a kind than the stream sends one by one. */
export interface Overflow {
  type: 'overflow';
  of: string;
  /** How many were not sent; null = not known. */
  count: number | null;
}

export type Change =
  | TaskCreated
  | TaskStarted
  | TaskEnded
  | BatchEnded
  | DeviceStatus
  | LeaderChanged
  | SettingChanged
  | Overflow;

export type ChangeType = (typeof CHANGE_TYPES)[number];

/** A change at its place in the stream of a gateway. */
export interface NumberedChange {
  sequence: number;
  /** When it was read. */
  as_of: string;
  change: Change;
}

/** Undefined = all. */
export interface ChangeFilter {
  types?: Set<string> | undefined;
  task_type?: Set<string> | undefined;
  device_id?: Set<string> | undefined;
}

export function fits({ types, task_type, device_id }: ChangeFilter, change: Change): boolean {
  // What was not told one by one may be of any type of task and any device.
  if (change.type === 'overflow') return types === undefined || types.has(change.of);
  if (types !== undefined && !types.has(change.type)) return false;
  const { task_type: type, device_id: device } = change as { task_type?: string | null; device_id?: string | null };
  if (task_type !== undefined && (typeof type !== 'string' || !task_type.has(type))) return false;
  return device_id === undefined || (typeof device === 'string' && device_id.has(device));
}
