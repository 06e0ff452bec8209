import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';

/** An idle, ordinary device that can run sync_data; the test says what is special about it. */
export function device(device_id: string, special: Partial<DeviceView> = {}): DeviceView {
  return {
    device_id,
    region: null,
    capabilities: { supported_tasks: ['sync_data'] },
    slots: 5,
    running: 0,
    stuck: 0,
    unavailable: null,
    over_limits: [],
    success_rate: null,
    avg_duration_ms: null,
    recent_claims: 0,
    ...special,
  };
}

export const LANE = { task_type: 'sync_data', required_capabilities: null };

/** Numbers 0 ≤ n < 1 that are the same in every run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
