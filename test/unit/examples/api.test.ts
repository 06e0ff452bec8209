import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { fetchAggregate, fetchRaw, listApps, retryAfter } from '../../../examples/appsflyer/handlers/api.ts';
import { HandlerOutcome } from '../../../examples/appsflyer/handlers/contract.ts';
import { parseReport } from '../../../examples/appsflyer/handlers/report.ts';
import { apiSettings } from '../../../examples/appsflyer/handlers/settings.ts';
import type { Fault } from '../../../examples/appsflyer/stub/faults.ts';
import { Stub, type StubOptions } from '../../../examples/appsflyer/stub/server.ts';

const now = Date.parse('2026-03-02T23:00:00Z');
const day = '2026-03-01';
let stub: Stub;
const never = new AbortController().signal;

async function start(options: StubOptions = {}): Promise<Stub> {
  stub = await new Stub({ seed: 5, accounts: 2, apps: [3, 5], now: () => now, ...options }).start();
  return stub;
}

const api = (settings = {}) => ({
  ...apiSettings('account-1@example.com', {
    APPSFLYER_BASE_URL: stub.url,
    APPSFLYER_TOKENS: JSON.stringify(stub.tokens()),
  }),
  ...settings,
});

const query = (report = 'partners_by_date_report', from = day, to = day) => ({
  app_id: stub.world.appsOf('account-1@example.com')[0]!.id,
  report,
  from,
  to,
});

/** The outcome that a failing call ends with. */
async function outcomeOf(call: Promise<unknown>): Promise<HandlerOutcome> {
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HandlerOutcome);
  return error as HandlerOutcome;
}

const failWith = (fault: Fault) => start({ plan: () => fault });

afterEach(() => stub?.stop());

describe('the list of apps', () => {
  it('is followed through every page', async () => {
    await start();
    const apps = await listApps(api({ page_size: 2 }), never);
    expect(apps.map(({ id }) => id)).toEqual(stub.world.appsOf('account-1@example.com').map(({ id }) => id));
    expect(stub.ledger.answers[200]).toBe(Math.ceil(apps.length / 2));
  });

  it('is refused without a good token: never again', async () => {
    await start();
    expect(await outcomeOf(listApps(api({ token: 'wrong' }), never))).toMatchObject({
      outcome: 'permanent',
      message: expect.stringContaining('401: Supplied API token is invalid'),
    });
  });

  it('is limited to 20 calls a minute: retry after what the service says', async () => {
    await start();
    for (let call = 0; call < 20; call++) await listApps(api(), never);
    expect(await outcomeOf(listApps(api(), never))).toMatchObject({ outcome: 'retry', after: 60 });
  });
});

describe('a report', () => {
  it('is the CSV of the documented header', async () => {
    await start();
    const text = await fetchAggregate(api(), query(), never);
    expect(text.split('\n')[0]).toMatch(
      /^Date,Agency\/PMD \(af_prt\),Media Source \(pid\),Campaign \(c\),Impressions,/,
    );
    expect(parseReport(text, day, day)).toHaveLength(stub.ledger.reports()[0]!.rows);
  });

  it('is refused a second time within a minute: later, 60 s, scaled in demonstrations', async () => {
    await start();
    await fetchAggregate(api(), query(), never);
    expect(await outcomeOf(fetchAggregate(api(), query(), never))).toMatchObject({
      outcome: 'later',
      after: 60,
      message: expect.stringContaining('403: Limit reached for partners_by_date_report'),
    });
    expect(await outcomeOf(fetchAggregate(api({ wait_scale: 0.01 }), query(), never))).toMatchObject({ after: 0.6 });
  });

  it('of three days and more has a quota per day of its own', async () => {
    await start({ quotas: { aggregate_long: { calls: 1, window_ms: null } } });
    await fetchAggregate(api(), query('partners_by_date_report', '2026-02-25', '2026-02-28'), never);
    await fetchAggregate(api(), query(), never);
    const again = fetchAggregate(api(), query('daily_report', '2026-02-25', '2026-02-28'), never);
    expect(await outcomeOf(again)).toMatchObject({ outcome: 'later' });
  });

  it('of raw data beyond the quota: later, until the next midnight of the service', async () => {
    await start({ quotas: { raw: { calls: 1, window_ms: null } } });
    expect(await fetchRaw(api(), query('installs_report'), never)).toMatch(/^Attributed Touch Type,/);
    expect(await outcomeOf(fetchRaw(api(), query('installs_report'), never))).toMatchObject({
      outcome: 'later',
      after: 3600,
      message: expect.stringContaining('Your API calls limit has been reached for report type installs_report'),
    });
  });

  it('of raw data before the look-back: never again', async () => {
    await start();
    const old = fetchRaw(api(), query('installs_report', '2025-11-01', '2025-11-01'), never);
    expect(await outcomeOf(old)).toMatchObject({ outcome: 'permanent', message: expect.stringContaining('90 days') });
  });

  it('of an app that is unknown or belongs to another account: never again', async () => {
    await start();
    const foreign = stub.world.appsOf('account-2@example.com')[0]!.id;
    for (const app_id of ['com.example.nobody', foreign]) {
      expect(await outcomeOf(fetchAggregate(api(), { ...query(), app_id }, never))).toMatchObject({
        outcome: 'permanent',
        message: expect.stringMatching(/answered 404: no such app, or the token does not belong to it/),
      });
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
    await failWith(fault);
    const error = await outcomeOf(fetchAggregate(api(), query(), never));
    expect({ outcome: error.outcome, after: error.after }).toEqual({ outcome, after });
    expect(`${error.message} ${error.stack}`).not.toContain(api().token);
    expect(stub.ledger.reports()).toEqual([]);
  });

  it('that takes too long: retry; and an abort ends it at once', async () => {
    await failWith({ slow_ms: 20_000 });
    const slow = await outcomeOf(fetchAggregate(api({ timeout: 0.05 }), query(), never));
    expect(slow).toMatchObject({ outcome: 'retry', message: expect.stringContaining('took longer than 0.05 s') });
    const reason = new Error('revoked');
    const abort = new AbortController();
    const call = fetchAggregate(api(), query(), abort.signal);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe('the stub', () => {
  it('injects faults by seed: the same calls fail, and none of them more than twice', async () => {
    const faults = { too_many: 0.3, server_error: 0.3, cut: 0.1, slow: 0, slow_ms: 0 };
    const quotas = { aggregate: { calls: 1000, window_ms: 60_000 } };
    const run = async () => {
      const one = await start({ seed: 11, faults, quotas });
      onTestFinished(() => one.stop());
      const calls = one.world.appsOf('account-1@example.com').flatMap(({ id }) => [id, id, id]);
      const outcomes: string[] = [];
      for (const app_id of calls) {
        const call = fetchAggregate(api(), { ...query('daily_report'), app_id }, never);
        outcomes.push(await call.then(() => 'well', String));
      }
      return outcomes;
    };
    const first = await run();
    expect(first.filter((outcome) => outcome !== 'well')).not.toHaveLength(0);
    expect(first.filter((_, index) => index % 3 === 2 && _ !== 'well')).toEqual([]);
    expect((await run()).map((outcome) => outcome === 'well')).toEqual(first.map((outcome) => outcome === 'well'));
  });

  it('tells over HTTP what it expects and what it served', async () => {
    await start();
    await fetchAggregate(api(), query(), never);
    const served = await (await fetch(`${stub.url}/__stub/served`)).json();
    expect(served).toMatchObject({ answers: { 200: 1 }, reports: [{ app_id: query().app_id, from: day, times: 1 }] });
    const expected = await (await fetch(`${stub.url}/__stub/expected?from=${day}&to=${day}`)).json();
    expect(expected).toHaveLength(stub.world.apps.flatMap((app) => stub.world.rows(app, day, query().report)).length);
  });
});

describe('retryAfter', () => {
  it.each([
    ['12', 12],
    ['Mon, 02 Mar 2026 23:00:30 GMT', 30],
    ['Mon, 02 Mar 2026 22:00:00 GMT', 0],
    ['soon', undefined],
    [null, undefined],
  ])('reads %s as %s', async (value, seconds) => {
    expect(retryAfter(value, now)).toBe(seconds);
  });
});
