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
