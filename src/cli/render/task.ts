import type { ProgressRecord } from '../../core/domain/task/progress.ts';
import type { AssignmentRecord } from '../../core/domain/task/task-record.ts';
import type {
  CancelledTask,
  ReassignedTask,
  RetriedTask,
  ShownTask,
  TaskRecord,
  TaskWaiting,
} from '../../core/tasks/tasks.ts';
import { colours } from './colour.ts';
import { cpu, memory, metricsLine, progressLine, progressShort } from './progress.ts';
import { type Column, renderTable } from './table.ts';
import { duration, printable } from './text.ts';

export interface RenderOptions {
  colour: boolean;
  /** Columns available; infinite when the output is piped. */
  width: number;
}

/** Of a reason in a table; --json has all of it. */
const MOST_LINES = 8;

/** `filtered`: not all tasks were asked for. */
export function renderTasks(
  tasks: TaskRecord[],
  { colour, width, filtered = false }: RenderOptions & { filtered?: boolean },
): string {
  if (tasks.length === 0) return filtered ? 'No matching tasks.' : 'There are no tasks. Add one with "afd tasks add".';
  const paint = statusPaint(colour);
  const progress = tasks.some((t) => progressShort(t.progress) !== '');
  return renderTable<TaskRecord>(
    [
      { header: 'TASK', value: (t) => t.task_id, align: 'right' },
      { header: 'TYPE', value: (t) => t.task_type, flexible: true },
      { header: 'STATUS', value: (t) => t.status, paint: (text, t) => paint(text, t.status) },
      { header: 'PRIO', value: (t) => t.priority, align: 'right' },
      { header: 'TRY', value: (t) => t.attempt, align: 'right' },
      ...(progress ? [progressColumn] : []),
      { header: 'DEVICE', value: deviceOf, id: true },
      { header: 'TIME (UTC)', value: timeOf },
    ],
    tasks,
    width,
  );
}

export function renderTask(task: ShownTask, { colour, width }: RenderOptions): string {
  const paint = statusPaint(colour);
  const facts: Array<[string, string]> = [
    ['Task', String(task.task_id)],
    ['Type', task.task_type],
    ['Status', paint(printable(task.status), task.status)],
    ['Priority', String(task.priority ?? '')],
    ['Data', task.payload === null ? `not a JSON object: ${text(task.task_data)}` : text(task.payload)],
    ['Requires', text(task.required_capabilities)],
    ['Retries', retriesOf(task)],
    ['Device', deviceOf(task)],
    ['Progress', progressLine(task.progress)],
    ['Metrics', metricsLine(task.progress)],
    ['Dedupe key', task.dedupe_key ?? ''],
    ['Concurrency key', task.concurrency_key ?? ''],
    ['Timeout', timeoutOf(task)],
    ['Parent', String(task.parent_id ?? '')],
    ['Batch', String(task.batch_id ?? '')],
    ['Created', task.created_at ?? ''],
    [isOver(task) ? 'Ended' : 'Due', (isOver(task) ? task.finished_at : task.next_run_at) ?? ''],
    ['Pending reason', task.waiting?.why ?? ''],
    ['Result', text(task.result)],
    ['Last error', task.last_error ?? ''],
  ];
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(15)} ${name === 'Status' ? value : printable(value)}`);
  const chances =
    task.waiting === null || task.waiting.devices.length === 0 ? [] : ['', renderChances(task.waiting, width)];
  const attempts = task.assignments.length === 0 ? 'No device has claimed this task yet.' : renderAttempts(task, width);
  return [...lines, ...chances, '', attempts, ...renderActs(task, width)].join('\n');
}

/** Oldest first, as the attempts. */
function renderActs({ acts, more_acts, acts_note }: ShownTask, width: number): string[] {
  if (acts === null) return ['', `Acts of operators: ${printable(acts_note ?? '')}.`];
  if (acts.length === 0) return [];
  const table = renderTable(
    [
      { header: 'ACT', value: (a) => (a.outcome === 'done' ? a.action : `${a.action}, ${a.outcome}`) },
      { header: 'TIME (UTC)', value: (a) => shortTime(a.at) },
      { header: 'BY', value: (a) => a.actor, flexible: true },
      { header: 'REASON', value: (a) => a.reason ?? '', wrap: MOST_LINES },
    ],
    [...acts].reverse(),
    width,
  );
  return ['', table, ...(more_acts ? ['Earlier ones are in the audit log: afd audit ls.'] : [])];
}

/** Exact: it was set, not measured. */
function timeoutOf({ execution_timeout: seconds }: TaskRecord): string {
  if (seconds === null) return '';
  if (seconds <= 0) return `none of its own (execution_timeout = ${seconds})`;
  return seconds < 90 ? `${seconds} s` : `${seconds} s (about ${duration(seconds)})`;
}

/** The attempt that failed last, of a task that has none left, was no retry of a further one. */
function retriesOf({ retry_count: failed, max_retry_count: most }: TaskRecord): string {
  return most === null ? `${failed} used` : `${Math.min(failed, most)} of ${most} used`;
}

function renderChances({ devices }: TaskWaiting, width: number): string {
  return renderTable(
    [
      { header: 'DEVICE', value: (d) => d.device_id, id: true },
      { header: 'SCORE', value: (d) => d.score ?? '', align: 'right' },
      { header: 'REASON', value: (d) => d.reasons.join(', '), wrap: MOST_LINES },
    ],
    devices,
    width,
  );
}

const progressColumn: Column<{ progress: ProgressRecord | null }> = {
  header: 'PROGRESS',
  value: (one) => progressShort(one.progress),
  align: 'right',
};

/** Shown where some attempt has reported it. */
const reported: Array<Column<AssignmentRecord>> = [
  progressColumn,
  { header: 'MEMORY', value: (a) => memory(a.progress), align: 'right' },
  { header: 'CPU', value: (a) => cpu(a.progress), align: 'right' },
];

function renderAttempts(task: ShownTask, width: number): string {
  return renderTable<AssignmentRecord>(
    [
      { header: 'ATTEMPT', value: (a) => a.attempt, align: 'right' },
      { header: 'DEVICE', value: (a) => a.device_id, id: true },
      { header: 'STATUS', value: (a) => (isOpen(a) && a.revoked_at !== null ? `${a.status}, revoked` : a.status) },
      { header: 'START (UTC)', value: (a) => shortTime(a.started_at ?? a.assigned_at) },
      { header: 'DURATION', value: took },
      ...reported.filter((column) => task.assignments.some((a) => column.value(a) !== '')),
      { header: 'REASON', value: reasonOf, wrap: MOST_LINES },
    ],
    task.assignments,
    width,
  );
}

export function renderCancelled({ task_id, revoking, already, device_id }: CancelledTask): string {
  if (!revoking) return already ? `Task ${task_id} was already cancelled.` : `Task ${task_id} was cancelled.`;
  const asked = already ? `Device ${device_id} was already asked` : `Asked device ${device_id}`;
  return `${asked} to abort task ${task_id}. The task is cancelled when the device has aborted it; if it finishes first, its result counts.`;
}

export function renderReassigned({ task_id, target_device_id: to, revoking, device_id }: ReassignedTask): string {
  const next = to === null ? 'any device may claim it' : `it is directed at ${to}`;
  if (revoking) return `Asked device ${device_id} to release task ${task_id}; after that, ${next}.`;
  return `Task ${task_id} was reassigned: ${next}.`;
}

export function renderRetried({ task_id, attempt }: RetriedTask): string {
  return `Task ${task_id} is pending; its next attempt is number ${attempt + 1}.`;
}

function deviceOf(task: TaskRecord): string {
  return [task.device_id, task.target_device_id === null ? null : `→ ${task.target_device_id}`]
    .filter((part) => part !== null)
    .join(' ');
}

/** The one time that matters in this state. */
function timeOf(task: TaskRecord): string {
  if (isOver(task)) return `ended ${shortTime(task.finished_at ?? task.updated_at)}`;
  if (task.status === 'running') return `since ${shortTime(task.updated_at)}`;
  return `due ${shortTime(task.next_run_at ?? task.created_at)}`;
}

function shortTime(iso: string | null): string {
  return iso === null ? '' : iso.slice(0, 19).replace('T', ' ');
}

function took({ started_at, assigned_at, completed_at }: AssignmentRecord): string {
  const began = started_at ?? assigned_at;
  if (began === null || completed_at === null) return '';
  const seconds = (Date.parse(completed_at) - Date.parse(began)) / 1000;
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds);
}

/** What ended it, or is to end it. */
function reasonOf({ error_message, cause, revoked_at, revoked_by }: AssignmentRecord): string | null {
  // Of an attempt that was not revoked it says who did what to the task afterwards.
  const by = revoked_by === null || revoked_at === null ? revoked_by : `revoked by ${revoked_by}`;
  return [error_message ?? cause, by].filter((one) => one !== null).join('; ') || null;
}

function isOpen({ status }: AssignmentRecord): boolean {
  return status === 'assigned' || status === 'running';
}

function isOver({ status }: TaskRecord): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

function statusPaint(colour: boolean): (text: string, status: string) => string {
  const paint = colours(colour);
  return (shown, status) => {
    if (status === 'done') return paint.green(shown);
    if (status === 'failed') return paint.red(shown);
    if (status === 'running') return paint.cyan(shown);
    return status === 'cancelled' ? paint.dim(shown) : shown;
  };
}
