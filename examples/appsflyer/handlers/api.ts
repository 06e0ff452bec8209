// The documented token API: the list of apps, and one report as CSV. Each way in which a call can fail becomes one of
// afd's outcomes, so that a quota never burns an attempt and a wrong token is not asked again.
import { HandlerOutcome } from './contract.ts';
import type { ApiSettings } from './settings.ts';

export interface App {
  id: string;
  name: string;
  platform: string;
}

export interface ReportQuery {
  app_id: string;
  report: string;
  from: string;
  to: string;
  /** More query parameters of the API: timezone, currency … */
  options?: Record<string, string>;
}

const AGGREGATE_WAIT = 60;
const MAX_PAGES = 1000;

/** Every app of the account, all pages. A list that ends early is an error, never a shorter list. */
export async function listApps(api: ApiSettings, signal: AbortSignal): Promise<App[]> {
  const apps = new Map<string, App>();
  let next: URL | undefined = new URL(`/api/mng/apps?limit=${api.page_size}&offset=0`, api.base_url);
  for (let page = 0; next !== undefined; page++) {
    if (page === MAX_PAGES) throw new Error(`The list of apps has not ended after ${MAX_PAGES} pages.`);
    const body = JSON.parse(await get(api, next, signal)) as AppPage;
    if (!Array.isArray(body.data)) throw new Error('The list of apps has no "data".');
    for (const { id, attributes } of body.data) {
      apps.set(id, { id, name: attributes?.name ?? '', platform: attributes?.platform ?? '' });
    }
    const total = body.meta?.total_items;
    const link = body.links?.next;
    if (!link && total !== undefined && apps.size < total) {
      throw new Error(`The list of apps ended with ${apps.size} of ${total}.`);
    }
    next = link ? new URL(link, api.base_url) : undefined;
    // The token goes to the configured service and nowhere else.
    if (next !== undefined && next.origin !== new URL(api.base_url).origin) {
      throw new HandlerOutcome('permanent', `The list of apps goes on at another address (${next.origin}).`);
    }
  }
  return [...apps.values()];
}

/** The text of one aggregate report. */
export async function fetchAggregate(api: ApiSettings, query: ReportQuery, signal: AbortSignal): Promise<string> {
  return get(api, reportUrl(api, 'agg-data', query), signal);
}

/** The text of one raw-data report. */
export async function fetchRaw(api: ApiSettings, query: ReportQuery, signal: AbortSignal): Promise<string> {
  return get(api, reportUrl(api, 'raw-data', query), signal);
}

interface AppPage {
  data?: { id: string; attributes?: { name?: string; platform?: string } }[];
  meta?: { total_items?: number };
  links?: { next?: string | null };
}

function reportUrl(api: ApiSettings, family: string, query: ReportQuery): URL {
  const { app_id, report, from, to, options = {} } = query;
  const url = new URL(`/api/${family}/export/app/${encodeURIComponent(app_id)}/${report}/v5`, api.base_url);
  for (const [name, value] of Object.entries({ from, to, ...options })) url.searchParams.set(name, value);
  return url;
}

async function get(api: ApiSettings, url: URL, signal: AbortSignal): Promise<string> {
  const timeout = AbortSignal.timeout(api.timeout * 1000);
  let response: Response;
  let body: string;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${api.token}`, accept: 'text/csv, application/json' },
      signal: AbortSignal.any([signal, timeout]),
    });
    body = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw new HandlerOutcome('retry', `${url.pathname} took longer than ${api.timeout} s.`);
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new HandlerOutcome('retry', `${url.pathname} broke off: ${cause}`);
  }
  if (response.status === 200) {
    if (!/html/i.test(response.headers.get('content-type') ?? '')) return body;
    throw new HandlerOutcome('retry', `${url.pathname} answered with a web page.`);
  }
  throw refusal(api, url, response, body);
}

/** What an answer other than 200 means for the attempt. */
function refusal(api: ApiSettings, url: URL, response: Response, body: string): HandlerOutcome {
  const { status, headers } = response;
  const said = /html/i.test(headers.get('content-type') ?? '') ? '' : `: ${body.trim().slice(0, 200)}`;
  const message = `${url.pathname} answered ${status}${said}`;
  const scaled = (seconds: number) => seconds * api.wait_scale;
  if (status === 403 && body.startsWith('Limit reached for')) {
    return new HandlerOutcome('later', message, scaled(AGGREGATE_WAIT));
  }
  if (status === 400 && /API calls? limit has been reached/i.test(body)) {
    return new HandlerOutcome('later', message, scaled(untilUtcMidnight(serverTime(headers))));
  }
  if (status === 400 || status === 401) return new HandlerOutcome('permanent', message);
  if (status === 404) {
    return new HandlerOutcome('permanent', `${message}: no such app, or the token does not belong to it.`);
  }
  const wait = retryAfter(headers.get('retry-after'), serverTime(headers));
  return new HandlerOutcome('retry', message, wait === undefined ? undefined : scaled(wait));
}

/** The service's own clock where it says it: quotas end at its midnight, not at this machine's. */
function serverTime(headers: Headers): number {
  const date = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(date) ? Date.now() : date;
}

/** Whole seconds to the next 00:00 UTC. */
export function untilUtcMidnight(now: number): number {
  return Math.ceil((86_400_000 - (now % 86_400_000)) / 1000);
}

/** Retry-After is seconds or a date. */
export function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null || value.trim() === '') return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
