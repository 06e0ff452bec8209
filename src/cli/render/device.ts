import { counted } from '../../core/counted.ts';
import { type Device, type DeviceDetail, stuckList } from '../../core/devices/devices.ts';
import { colours } from './colour.ts';
import { progressLine } from './progress.ts';
import { type Column, renderTable } from './table.ts';
import { ago, printable } from './text.ts';

export interface RenderOptions {
  colour: boolean;
  /** Columns available; infinite when the output is piped. */
  width: number;
}

/** `filtered`: not all devices were asked for. */
export function renderDevices(
  devices: Device[],
  { colour, width, filtered = false }: RenderOptions & { filtered?: boolean },
): string {
  if (devices.length === 0)
    return filtered ? 'No matching devices.' : 'No device is registered. Start a worker with "afd worker".';
  const paint = statusPaint(colour);
  return renderTable<Device>(
    [
      { header: 'DEVICE', value: (d) => d.device_id, id: true },
      { header: 'NAME', value: (d) => (d.device_name === d.device_id ? '' : d.device_name), flexible: true },
      { header: 'ROLE', value: role },
      { header: 'STATUS', value: statusWord, paint: (text, d) => paint(text, d) },
      { header: 'TASKS', value: (d) => `${d.current_tasks}/${d.max_concurrent_tasks}`, align: 'right' },
      { header: 'HEARTBEAT', value: (d) => ago(d.heartbeat_age) },
      ...(devices.some((d) => d.via !== null) ? [via] : []),
      { header: 'TYPES', value: (d) => types(d), flexible: true },
    ],
    devices,
    width,
  );
}

export function renderDevice(device: DeviceDetail, options: RenderOptions): string {
  const paint = statusPaint(options.colour);
  const { supported_tasks: _, ...others } = device.capabilities;
  const readings = device.last_readings;
  const percent = (value: number | null) => (value === null ? 'unknown' : `${value} %`);
  const facts: Array<[string, string]> = [
    ['Device', device.device_id],
    ['Name', device.device_name],
    ['Role', role(device)],
    ['Status', paint(printable(statusWord(device)), device)],
    ['Heartbeat', `${ago(device.heartbeat_age)}${device.last_heartbeat === null ? '' : ` (${device.last_heartbeat})`}`],
    ['Over limits', device.over_limits.length === 0 ? '' : `claims no tasks: ${device.over_limits.join('; ')}`],
    ['Tasks', `${device.current_tasks} of ${counted(device.max_concurrent_tasks, 'slot')}`],
    ['Stuck', stuckSlots(device)],
    ['History', history(device)],
    ['Types', types(device) || 'none'],
    ['Capabilities', Object.keys(others).length === 0 ? '' : JSON.stringify(others)],
    ['Region', device.region ?? ''],
    ['Labels', device.labels === null ? '' : JSON.stringify(device.labels)],
    ['Address', `${device.ip_address}${device.port === 0 ? '' : `:${device.port}`}`],
    ['Gateway', device.via ?? ''],
    ['Version', device.version ?? ''],
    ['Problems', device.problems.join('; ')],
    [
      'Load',
      readings === null
        ? ''
        : `cpu ${percent(readings.cpu_usage)}, memory ${percent(readings.memory_usage)}, disk ${percent(readings.disk_usage)}`,
    ],
  ];
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(12)} ${name === 'Status' ? value : printable(value)}`);
  if (device.assignments.length > 0) {
    lines.push('', renderAssignments(device, options.width));
  }
  return lines.join('\n');
}

const via: Column<Device> = { header: 'VIA', value: (d) => d.via ?? '', flexible: true };

const progress: Column<DeviceDetail['assignments'][number]> = {
  header: 'PROGRESS',
  value: (a) => progressLine(a.progress),
  flexible: true,
};

function renderAssignments(device: DeviceDetail, width: number): string {
  return renderTable(
    [
      { header: 'TASK', value: (a) => a.task_id, align: 'right' },
      { header: 'TYPE', value: (a) => a.task_type ?? '(deleted)', flexible: true },
      { header: 'STATUS', value: (a) => (a.revoked_at === null ? a.status : `${a.status}, revoked`) },
      { header: 'ATTEMPT', value: (a) => a.attempt, align: 'right' },
      ...(device.assignments.some((a) => progressLine(a.progress) !== '') ? [progress] : []),
      { header: 'SINCE', value: (a) => a.started_at ?? a.assigned_at },
    ],
    device.assignments,
    width,
  );
}

function role(device: Device): string {
  return device.is_leader ? `${device.device_type}, leader` : device.device_type;
}

/** The status as a word; the operator state is added to it and does not replace it. */
function statusWord(device: Device): string {
  const life = device.silent ? 'offline (silent)' : device.status;
  const said = device.operator_state === 'active' ? life : `${life}, ${device.operator_state}`;
  const parts = [
    said,
    device.over_limits.length > 0 && 'over limits',
    device.stuck.length > 0 && `${device.stuck.length} stuck`,
  ];
  return parts.filter((one) => one !== false).join(', ');
}

function stuckSlots(device: Device): string {
  const { stuck, max_concurrent_tasks: slots } = device;
  if (stuck.length === 0) return '';
  return `${stuck.length} of ${counted(slots, 'slot')} until the worker is restarted; handlers that ignored their abort signal: ${stuckList(device)}`;
}

function history({ success_rate, avg_duration_ms, recent_claims }: Device): string {
  const parts = [
    success_rate === null ? '' : `${Math.round(success_rate * 100)} % of its last attempts succeeded`,
    avg_duration_ms === null ? '' : `mean ${(avg_duration_ms / 1000).toFixed(1)} s`,
    recent_claims === 0 ? '' : `${counted(recent_claims, 'task')} claimed in the last minute`,
  ];
  return parts.filter((one) => one !== '').join(', ');
}

function types(device: Device): string {
  const supported = device.capabilities.supported_tasks;
  return Array.isArray(supported) ? supported.filter((one) => typeof one === 'string').join(', ') : '';
}

function statusPaint(colour: boolean): (text: string, device: Device) => string {
  const paint = colours(colour);
  return (text, device) => {
    if (device.silent) return paint.red(text);
    if (device.status === 'offline') return paint.dim(text);
    return device.operator_state === 'active' && device.over_limits.length === 0 && device.stuck.length === 0
      ? paint.green(text)
      : paint.yellow(text);
  };
}
