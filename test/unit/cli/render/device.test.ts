import { expect, it } from 'vitest';
import { renderDevice, renderDevices } from '../../../../src/cli/render/device.ts';
import { displayWidth } from '../../../../src/cli/render/text.ts';
import type { DeviceRow } from '../../../../src/core/db/devices/device-row.ts';
import { judged } from '../../../../src/core/devices/devices.ts';

const row = (columns: Partial<DeviceRow>): DeviceRow => ({
  ...{ device_id: 'worker-001', device_name: 'Worker Node 1', device_type: 'worker', ip_address: '10.0.0.1', port: 0 },
  ...{ stored_status: 'online', operator_state: 'active', max_concurrent_tasks: 5, current_tasks: 3, stuck: [] },
  ...{ capabilities: { supported_tasks: ['sync_apps', 'sync_data', 'sync_something_else'] }, over_limits: [] },
  ...{ last_heartbeat: '2026-01-01T00:00:00.000Z', heartbeat_age: 3, recent_claims: 0, success_rate: null },
  ...{ avg_duration_ms: null, region: null, labels: null, version: null, via: null, is_leader: false },
  ...{ created_at: null, problems: [] },
  ...columns,
});
const devices = [
  judged(row({ is_leader: true }), 60),
  judged(row({ device_id: 'worker-002', device_name: '上海机房二号机器', heartbeat_age: 61 }), 60),
  judged(row({ device_id: 'worker-003', stored_status: 'offline', operator_state: 'draining' }), 60),
];

it('a device over its resource limits says so in the list, and on its own page with the reason; an offline one does not', () => {
  const reasons = ['memory is at 93 %, over its limit of 90 %'];
  const shown = { colour: false, width: 80 };
  expect(renderDevices([judged(row({ over_limits: reasons }), 60)], shown)).toMatch(/online, over limits +3\/5/);
  const detail = (columns: Partial<DeviceRow>) =>
    renderDevice(
      { ...judged(row({ over_limits: reasons, ...columns }), 60), last_readings: null, assignments: [] },
      shown,
    );
  expect(detail({ success_rate: 0.95, avg_duration_ms: 1234, recent_claims: 7 })).toMatch(
    /Over limits +claims no tasks: memory is at 93 %.*\nTasks .*\nHistory +95 % of its last attempts succeeded, mean 1\.2 s, 7 tasks claimed in the last minute\n/,
  );
  expect(detail({ heartbeat_age: 61 })).not.toMatch(/[Hh]eld|History/);
});

it('fits 80 columns, and says status by words', () => {
  const lines = renderDevices(devices, { colour: false, width: 80 }).split('\n');
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  expect(lines[1]).toMatch(/^worker-001 .*worker, leader +online +3\/5 +3 s ago/);
  expect(lines[2]).toMatch(/^worker-002 .*offline \(silent\)/);
  expect(lines[3]).toMatch(/^worker-003 .*offline, draining/);
});

it('has colour only when asked for', () => {
  const ansi = '\u001b[';
  expect(renderDevices(devices, { colour: false, width: 80 })).not.toContain(ansi);
  expect(renderDevices(devices, { colour: true, width: 80 })).toContain(ansi);
});
