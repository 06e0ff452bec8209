// sync_data: the report of one app for one day (or start_date to end_date) → rows of af_data.
import { replaceDays, withConnection } from './af-data.ts';
import { fetchAggregate } from './api.ts';
import { type Context, HandlerOutcome, optionalDay, requiredText, type Task } from './contract.ts';
import { parseReport, REPORTS } from './report.ts';
import { apiSettings, dataSettings } from './settings.ts';

export default async function syncData(task: Task, ctx: Context) {
  const { written, deleted } = await storeReport(task.task_data, requiredText(task.task_data, 'app_id'), ctx);
  ctx.metric('rows', written);
  return { records_processed: written, records_deleted: deleted };
}

/** Makes the stored rows of one app those of its report. */
export async function storeReport(
  data: Record<string, unknown>,
  app_id: string,
  ctx: Pick<Context, 'signal' | 'task_id' | 'attempt'>,
): Promise<{ written: number; deleted: number }> {
  const account = requiredText(data, 'username');
  requiredText(data, 'start_date');
  const from = optionalDay(data, 'start_date')!;
  const to = optionalDay(data, 'end_date') ?? from;
  const report = String(data.report ?? REPORTS[0]);
  if (!REPORTS.includes(report)) {
    throw new HandlerOutcome('permanent', `report is "${report}": one of ${REPORTS.join(', ')} is wanted.`);
  }
  const { url, table } = dataSettings();
  const options = Object.fromEntries(
    ['timezone', 'currency'].filter((name) => data[name] !== undefined).map((name) => [name, String(data[name])]),
  );
  const text = await fetchAggregate(apiSettings(account), { app_id, report, from, to, options }, ctx.signal);
  const rows = parseReport(text, from, to);
  const days = { account, app_id, report, from, to };
  return withConnection(url, ctx.signal, (connection) =>
    replaceDays(connection, table, days, rows, { task_id: ctx.task_id, attempt: ctx.attempt }),
  );
}
