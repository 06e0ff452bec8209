// What is known of a device when work is placed: its row, seconds old at most, and what the placer knows better.
import type { Capabilities } from '../eligibility.ts';

/** A task whose attempt has ended while its handler goes on and holds a slot. */
export interface StuckTask {
  task_id: number;
  task_type: string;
  attempt: number;
}

export interface DeviceView {
  device_id: string;
  region: string | null;
  capabilities: Capabilities;
  /** max_concurrent_tasks. */
  slots: number;
  /** Slots in use: open attempts, and stuck ones. A placer adds what it placed there since. */
  running: number;
  /** Of them, those held by a handler whose attempt has ended: they stay in use until the device is started again. */
  stuck: number;
  /** Of them, those of each task type, where there are any. */
  stuck_types?: Record<string, number>;
  /** Why it takes no work at all ("is offline", "is paused"); null = it is online and active. */
  unavailable: string | null;
  /** Resource limits that it is over, in words, as it says itself: it claims nothing meanwhile. Empty = none. */
  over_limits: string[];
  /** Completed share of its last ended attempts, 0–1; null = it has no history. */
  success_rate: number | null;
  /** Mean of its last completed attempts, milliseconds; null = it has no history. */
  avg_duration_ms: number | null;
  /** Tasks that it claimed within the last minute: a count. A placer adds what it placed there since. */
  recent_claims: number;
}
