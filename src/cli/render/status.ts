import type { FleetStatus } from '../../core/status.ts';
import { colours } from '../colour.ts';
import { duration, printable } from './text.ts';

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
    ? paint.green.bold('All is well.')
    : `${paint.red.bold('Not well:')}\n${status.problems.map((problem) => `  - ${printable(problem)}`).join('\n')}`;
  const facts: Array<[string, string]> = [
    [
      'Leader',
      leader.device_id === null
        ? `none${leader.last_holder === null ? '' : ` (${leader.last_holder} was the last)`}`
        : `${leader.device_id}, term ${leader.term}`,
    ],
    [
      'Devices',
      `${list([
        [devices.online, 'online'],
        [devices.busy, 'busy'],
        [devices.offline, 'offline'],
      ])}; ${devices.current_tasks} of ${devices.slots} slots in use${devices.stuck_slots === 0 ? '' : `, ${devices.stuck_slots} stuck`}`,
    ],
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
    ['Oldest due', status.oldest_due_age === null ? 'nothing is due' : `since ${duration(status.oldest_due_age)}`],
    [
      'Last hour',
      `${list([
        [ended.completed, 'attempts completed'],
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
  return [head, ...facts.map(([name, value]) => `${name.padEnd(10)} ${printable(value)}`)].join('\n');
}
