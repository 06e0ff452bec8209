// The API's answers, in the order in which the service checks: token (before this), app, arguments, faults, quota.
import type { Call, Fault } from './faults.ts';
import { daysBetween, notFoundPage, type Reply } from './reply.ts';
import { AGGREGATE_REPORTS, aggregateCsv, RAW_REPORTS, rawCsv } from './reports.ts';
import type { Stub } from './server.ts';

const LOOK_BACK_DAYS = 90;

/** A page of the account's apps; `links.next` while there are more. */
export function answerApps(stub: Stub, account: string, url: URL): Reply {
  const limit = Number(url.searchParams.get('limit') ?? 1000);
  const offset = Number(url.searchParams.get('offset') ?? 0);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) return { status: 400, body: 'Invalid limit' };
  if (!Number.isInteger(offset) || offset < 0) return { status: 400, body: 'Invalid offset' };
  const fault = disturbance(stub.plan({ kind: 'apps', account, nth: stub.ledger.nth(`apps|${account}|${offset}`) }));
  if ('instead' in fault) return fault.instead;
  const minute = { key: `apps|${account}`, quota: stub.quotas.app_list };
  const day = { key: `apps|${account}|day`, quota: stub.quotas.app_list_day };
  if (!stub.book.take([minute, day])) {
    return { status: 429, headers: { 'retry-after': '60' }, body: 'Too many requests' };
  }
  const apps = stub.world.appsOf(account);
  const page = apps.slice(offset, offset + limit);
  const link = (at: number) => `${stub.url}/api/mng/apps?limit=${limit}&offset=${at}`;
  const body = {
    data: page.map((app) => ({
      id: app.id,
      type: 'app',
      attributes: { name: app.name, platform: app.platform, currency: 'USD', time_zone: 'UTC' },
    })),
    meta: { total_items: apps.length },
    links: {
      ...(offset > 0 ? { prev: link(Math.max(0, offset - limit)) } : {}),
      self: link(offset),
      ...(offset + limit < apps.length ? { next: link(offset + limit) } : {}),
    },
  };
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), ...fault.adds };
}

/** One report of one app, as CSV. */
export function answerReport(
  stub: Stub,
  account: string,
  kind: 'aggregate' | 'raw',
  appId: string,
  report: string,
  url: URL,
): Reply {
  const app = stub.world.appsOf(account).find(({ id }) => id === appId);
  const known = kind === 'raw' ? RAW_REPORTS.includes(report) : report in AGGREGATE_REPORTS;
  if (app === undefined || !known) return notFoundPage();
  const from = url.searchParams.get('from')?.slice(0, 10) ?? '';
  const to = url.searchParams.get('to')?.slice(0, 10) ?? '';
  if (!isDay(from) || !isDay(to) || from > to) return message('Invalid date range: from and to as yyyy-mm-dd');
  if (kind === 'raw') {
    const oldest = new Date(stub.now() - LOOK_BACK_DAYS * 86_400_000).toISOString().slice(0, 10);
    if (from < oldest) return message('Raw reports historical lookback is limited to 90 days');
    const rows = url.searchParams.get('maximum_rows') ?? '200000';
    if (!['200000', '1000000'].includes(rows)) return message('Invalid limit type');
  }
  const key = [appId, report, from, to].join('|');
  const call: Call = { kind, account, app_id: appId, report, from, to, nth: stub.ledger.nth(key) };
  const fault = disturbance(stub.plan(call));
  if ('instead' in fault) return fault.instead;

  const days = daysBetween(from, to);
  const refused = outOfQuota(stub, call, days.length);
  if (refused) return refused;
  const rows = days.flatMap((date) => stub.world.rows(app, date, report));
  return {
    status: 200,
    headers: { 'content-type': 'text/csv; charset=utf-8' },
    body: kind === 'raw' ? rawCsv(rows) : aggregateCsv(report, rows),
    sent: () => stub.ledger.served({ account, app_id: appId, report, from, to, rows: rows.length }),
    ...fault.adds,
  };
}

function outOfQuota(stub: Stub, call: Call, days: number): Reply | undefined {
  const { aggregate, aggregate_long, raw, raw_account } = stub.quotas;
  if (call.kind === 'raw') {
    const app = { key: `raw|${call.app_id}|${call.report}`, quota: raw };
    const account = { key: `raw|${call.account}|${call.report}`, quota: raw_account };
    if (stub.book.take([app, account])) return undefined;
    return {
      status: 400,
      body: `Your API calls limit has been reached for report type ${call.report}, for application: ${call.app_id}`,
    };
  }
  const wanted =
    days > 2
      ? { key: `long|${call.app_id}`, quota: aggregate_long }
      : { key: `aggregate|${call.app_id}|${call.report}`, quota: aggregate };
  if (stub.book.take([wanted])) return undefined;
  return { status: 403, body: `Limit reached for ${call.report}` };
}

/** A fault is sent instead of the reply, or changes how the reply is sent. */
function disturbance(fault: Fault | undefined): { instead: Reply } | { adds: Partial<Reply> } {
  if (fault === undefined) return { adds: {} };
  if ('cut' in fault) return { adds: { cut: true } };
  if ('slow_ms' in fault) return { adds: { delay_ms: fault.slow_ms } };
  if ('page' in fault) {
    return { instead: { status: 200, headers: { 'content-type': 'text/html' }, body: fault.page } };
  }
  const headers = fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) };
  return { instead: { status: fault.status, headers, body: fault.body } };
}

function message(text: string): Reply {
  return {
    status: 400,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: text }),
  };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
}
