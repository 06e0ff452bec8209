// sync_account: the reports of all apps of one account, one after the other, as one task. After each app it stores a
// checkpoint, so that the next attempt, on whatever device, goes on with the next app: a quota, a crash or a shutdown
// repeats no call of the API.
import { listApps } from './api.ts';
import { type Context, requiredText, type Task } from './contract.ts';
import { apiSettings } from './settings.ts';
import { storeReport } from './sync-data.ts';

/** Small, however many apps there are; an app that is new since then comes in its place. */
interface Checkpoint {
  /** The last app that is stored. */
  after: string;
  rows: number;
}

export default async function syncAccount(task: Task, ctx: Context) {
  const account = requiredText(task.task_data, 'username');
  const before = task.checkpoint as Checkpoint | null;
  const found = await listApps(apiSettings(account), ctx.signal);
  const apps = found.map((app) => app.id).sort();
  const left = before === null ? apps : apps.filter((id) => id > before.after);
  let rows = before?.rows ?? 0;
  for (const [n, id] of left.entries()) {
    ctx.progress(apps.length - left.length + n, apps.length, id);
    rows += (await storeReport(task.task_data, id, ctx)).written;
    ctx.metric('rows', rows);
    await ctx.checkpoint({ after: id, rows } satisfies Checkpoint);
  }
  ctx.progress(apps.length, apps.length);
  return { records_processed: rows, apps: apps.length };
}
