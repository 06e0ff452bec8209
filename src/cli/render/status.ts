import { counted } from '../../core/counted.ts';
import type { FleetStatus } from '../../core/status.ts';
import { colours } from './colour.ts';
import { progressLine } from './progress.ts';
import { duration, printable } from './text.ts';

/** Devices that an operator holds back. */
const MOST_NAMED = 5;

/** The first line answers the question; the rest says where things stand. */
export function renderStatus(status: FleetStatus, colour: boolean): string {
  const paint = colours(colour);
  const { leader, devices, tasks, last_hour: ended } = status;
  const n = (value: number) => (value >= status.counted_up_to ? `${value} or more` : String(value));
  const list = (parts: Array<[number, string]>) =>
    parts
      .filter(([value], i) => i === 0 || value > 0)
      .map(([value, word]) => `${n(value)} ${word}`)
      .join(', ');
  const head = status.well
    ? paint.green.bold('The fleet is healthy.')
    : `${paint.red.bold('Problems:')}\n${status.problems.map((problem) => `  - ${printable(problem)}`).join('\n')}`;
  const facts: Array<[string, string]> = [
    [
      'Leader',
      leader.device_id === null
        ? `none${leader.last_holder === null ? '' : ` (last leader: ${leader.last_holder})`}`
        : `${leader.device_id}, term ${leader.term}`,
    ],
    ['Devices', `${devicesOf(devices)}; ${slotsOf(devices)}`],
    [
      'Tasks',
      list([
        [tasks.pending, 'pending'],
        [tasks.assigned, 'assigned'],
        [tasks.waiting, 'waiting'],
        [tasks.running, 'running'],
        [tasks.done, 'done'],
        [tasks.failed, 'failed'],
        [tasks.cancelled, 'cancelled'],
      ]),
    ],
    ['Oldest due', status.oldest_due_age === null ? 'no task is due' : `for ${duration(status.oldest_due_age)}`],
    [
      'Last hour',
      `${list([
        [ended.completed, ended.completed === 1 ? 'attempt completed' : 'attempts completed'],
        [ended.failed, 'failed'],
        [ended.timeout, 'timed out'],
        [ended.lost, 'lost'],
      ])}`,
    ],
    [
      'Database',
      `${status.database.address} (${status.database.version}), schema ${status.schema.up_to_date ? 'up to date' : 'out of date'}`,
    ],
  ];
  const running = status.in_progress.map(
    ({ task_id, task_type, device_id, progress }) =>
      `  ${task_id} (${task_type}) on ${device_id}: ${progressLine(progress)}`,
  );
  const lines = facts.map(([name, value]) => `${name.padEnd(10)} ${value}`);
  if (running.length > 0) lines.push('In progress', ...running);
  return [head, ...lines.map(printable)].join('\n');
}

type Devices = FleetStatus['devices'];

/** Busy devices are online too. Devices in an operator state are named, because that state is easily forgotten. */
function devicesOf({ online, busy, offline, inactive }: Devices): string {
  const alive = `${online + busy} online${busy === 0 ? '' : `, ${busy} of them busy`}`;
  const named = inactive.slice(0, MOST_NAMED).map((one) => `${one.device_id} ${one.operator_state}`);
  const more = inactive.length > MOST_NAMED ? [`${inactive.length - MOST_NAMED} more inactive`] : [];
  return [alive, ...named, ...more, ...(offline === 0 ? [] : [`${offline} offline`])].join(', ');
}

function slotsOf({ current_tasks, slots, inactive_slots: held, stuck_slots: stuck }: Devices): string {
  const parts = [
    `${current_tasks} of ${counted(slots, 'slot')} in use`,
    ...(held === 0 ? [] : [`${held} on inactive devices`]),
    ...(stuck === 0 ? [] : [`${stuck} stuck`]),
  ];
  return parts.join(', ');
}
