// sync_apps: one account → one sync_data per app and day. Days: start_date and end_date, or `days` (7) up to yesterday.
import { createHash } from 'node:crypto';
import { listApps } from './api.ts';
import { type Context, HandlerOutcome, type NewTask, optionalDay, requiredText, type Task } from './contract.ts';
import { apiSettings } from './settings.ts';

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;

export default async function syncApps(task: Task, ctx: Context) {
  const data = task.task_data;
  const account = requiredText(data, 'username');
  const days = wantedDays(data, Date.now());
  const apps = await listApps(apiSettings(account), ctx.signal);
  const tasks = apps.flatMap((app) => days.map((day) => syncData(data, account, app.id, day)));
  ctx.enqueue(tasks);
  ctx.metric('tasks', tasks.length);
  ctx.log.info('apps listed', { account, apps: apps.length, tasks: tasks.length });
  return { records_processed: apps.length, apps: apps.length, tasks: tasks.length };
}

/** The key makes it one task, however often sync_apps runs; `run` in task_data begins anew. */
function syncData(data: Record<string, unknown>, account: string, app_id: string, day: string): NewTask {
  const passed = ['report', 'timezone', 'currency'].filter((name) => typeof data[name] === 'string');
  const requires = data.required_capabilities;
  return {
    task_type: 'sync_data',
    username: account,
    app_id,
    start_date: day,
    end_date: day,
    ...(passed.length === 0 ? {} : { task_data: Object.fromEntries(passed.map((name) => [name, data[name]])) }),
    ...(isObject(requires) ? { required_capabilities: requires } : {}),
    dedupe_key: dedupeKey(['sync_data', account, app_id, day, ...('run' in data ? [String(data.run)] : [])]),
  };
}

/** afd's keys have at most 191 characters. */
export function dedupeKey(parts: string[]): string {
  const plain = parts.join('|');
  return plain.length <= 191 ? plain : `${parts[0]}|sha256:${createHash('sha256').update(plain).digest('hex')}`;
}

export function wantedDays(data: Record<string, unknown>, now: number): string[] {
  const text = (at: number) => new Date(at).toISOString().slice(0, 10);
  const start = optionalDay(data, 'start_date');
  const end = optionalDay(data, 'end_date') ?? text(now - DAY_MS);
  const days = Number(data.days ?? 7);
  if (!Number.isInteger(days) || days < 1) throw new HandlerOutcome('permanent', `days is "${String(data.days)}".`);
  const first = start === undefined ? Date.parse(end) - (days - 1) * DAY_MS : Date.parse(start);
  const count = (Date.parse(end) - first) / DAY_MS + 1;
  if (count < 1 || count > MAX_DAYS) {
    throw new HandlerOutcome('permanent', `${text(first)} to ${end} are ${count} days: 1 to ${MAX_DAYS} are possible.`);
  }
  return Array.from({ length: count }, (_, index) => text(first + index * DAY_MS));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
