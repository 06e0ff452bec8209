import { afterEach, describe, expect, it } from 'vitest';
import { fetchAggregate, fetchRaw, listApps, retryAfter } from '../../../examples/appsflyer/handlers/api.ts';
import { HandlerOutcome } from '../../../examples/appsflyer/handlers/contract.ts';
import { parseReport } from '../../../examples/appsflyer/handlers/report.ts';
import { apiSettings } from '../../../examples/appsflyer/handlers/settings.ts';
import type { Fault } from '../../../examples/appsflyer/stub/faults.ts';
import { Stub, type StubOptions } from '../../../examples/appsflyer/stub/server.ts';

const now = Date.parse('2026-03-02T23:00:00Z');
const day = '2026-03-01';
const account = 'account-1@example.com';
let stub: Stub;
const never = new AbortController().signal;

async function start(options: StubOptions = {}) {
  stub = await new Stub({ seed: 5, accounts: 2, apps: [3, 5], now: () => now, ...options }).start();
}
afterEach(() => stub.stop());

const api = (settings = {}) => ({
  ...apiSettings(account, { APPSFLYER_BASE_URL: stub.url, APPSFLYER_TOKENS: JSON.stringify(stub.tokens()) }),
  ...settings,
});

const query = (report = 'partners_by_date_report', from = day, to = day) => ({
  ...{ app_id: stub.world.appsOf(account)[0]!.id, report, from, to },
});

/** The outcome that a failing call ends with. */
async function outcomeOf(call: Promise<unknown>): Promise<HandlerOutcome> {
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HandlerOutcome);
  return error as HandlerOutcome;
}
const permanent = (message: string) => ({ outcome: 'permanent', message: expect.stringContaining(message) });

it('the list of apps is followed through every page, and refused without a good token', async () => {
  await start();
  const apps = await listApps(api({ page_size: 2 }), never);
  expect(apps.map(({ id }) => id)).toEqual(stub.world.appsOf(account).map(({ id }) => id));
  expect(stub.ledger.answers[200]).toBe(Math.ceil(apps.length / 2));
  const refused = await outcomeOf(listApps(api({ token: 'wrong' }), never));
  expect(refused).toMatchObject(permanent('401: Supplied API token is invalid'));
});

describe('a report', () => {
  it('is the CSV of the documented header; a second time within a minute: later, scaled in demonstrations', async () => {
    await start();
    const text = await fetchAggregate(api(), query(), never);
    expect(text).toMatch(/^Date,Agency\/PMD \(af_prt\),Media Source \(pid\),Campaign \(c\),Impressions,/);
    expect(parseReport(text, day, day)).toHaveLength(stub.ledger.reports()[0]!.rows);
    expect(await outcomeOf(fetchAggregate(api(), query(), never))).toMatchObject({
      ...{ outcome: 'later', after: 60 },
      message: expect.stringContaining('403: Limit reached for partners_by_date_report'),
    });
    expect(await outcomeOf(fetchAggregate(api({ wait_scale: 0.01 }), query(), never))).toMatchObject({ after: 0.6 });
  });

  it('of raw data: later beyond the quota, until the next midnight of the service; never before the look-back', async () => {
    await start({ quotas: { raw: { calls: 1, window_ms: null } } });
    expect(await fetchRaw(api(), query('installs_report'), never)).toMatch(/^Attributed Touch Type,/);
    expect(await outcomeOf(fetchRaw(api(), query('installs_report'), never))).toMatchObject({
      ...{ outcome: 'later', after: 3600 },
      message: expect.stringContaining('Your API calls limit has been reached for report type installs_report'),
    });
    const old = fetchRaw(api(), query('installs_report', '2025-11-01', '2025-11-01'), never);
    expect(await outcomeOf(old)).toMatchObject(permanent('90 days'));
  });

  it('of an app that is unknown or belongs to another account: never again', async () => {
    await start();
    for (const app_id of ['com.example.nobody', stub.world.appsOf('account-2@example.com')[0]!.id]) {
      const refused = await outcomeOf(fetchAggregate(api(), { ...query(), app_id }, never));
      expect(refused).toMatchObject(permanent('answered 404: no such app, or the token does not belong to it'));
    }
  });

  it.each([
    ['a suspended account: never again', { status: 401, body: 'Account may be suspended' }, 'permanent', undefined],
    ['other complaints: never again', { status: 400, body: 'Invalid limit type' }, 'permanent', undefined],
    ['429: retry after the given time', { status: 429, body: 'Too many', retry_after: 7 }, 'retry', 7],
    ['500: retry with backoff', { status: 500, body: 'oops' }, 'retry', undefined],
    ['503 with a time: retry after it', { status: 503, body: 'busy', retry_after: 2 }, 'retry', 2],
    ['an unknown answer: retry', { status: 418, body: '' }, 'retry', undefined],
    ['a web page with status 200: retry', { page: '<html>log in</html>' }, 'retry', undefined],
    ['a body that breaks off: retry', { cut: true }, 'retry', undefined],
  ] as [string, Fault, string, number | undefined][])('%s', async (_, fault, outcome, after) => {
    await start({ plan: () => fault });
    const error = await outcomeOf(fetchAggregate(api(), query(), never));
    expect({ outcome: error.outcome, after: error.after }).toEqual({ outcome, after });
    expect(`${error.message} ${error.stack}`).not.toContain(api().token);
  });

  it('that takes too long: retry; and an abort ends it at once', async () => {
    await start({ plan: () => ({ slow_ms: 20_000 }) });
    const slow = await outcomeOf(fetchAggregate(api({ timeout: 0.05 }), query(), never));
    expect(slow).toMatchObject({ outcome: 'retry', message: expect.stringContaining('took longer than 0.05 s') });
    const abort = new AbortController();
    const call = fetchAggregate(api(), query(), abort.signal);
    abort.abort(new Error('revoked'));
    await expect(call).rejects.toThrow('revoked');
  });

  it('names the time of the next call in seconds or as a date', async () => {
    await start();
    const given = ['12', 'Mon, 02 Mar 2026 23:00:30 GMT', 'Mon, 02 Mar 2026 22:00:00 GMT', 'soon', null];
    expect(given.map((value) => retryAfter(value, now))).toEqual([12, 30, 0, undefined, undefined]);
  });
});
