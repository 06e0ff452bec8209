import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context, NewTask } from '../../../examples/appsflyer/handlers/contract.ts';
import syncApps, { dedupeKey, wantedDays } from '../../../examples/appsflyer/handlers/sync-apps.ts';
import { Stub } from '../../../examples/appsflyer/stub/server.ts';

const account = 'account-2@example.com';
let stub: Stub;

beforeEach(async () => {
  stub = await new Stub({ seed: 2, accounts: 2, apps: [4, 6] }).start();
  vi.stubEnv('APPSFLYER_BASE_URL', stub.url);
  vi.stubEnv('APPSFLYER_TOKENS', JSON.stringify(stub.tokens()));
  vi.stubEnv('APPSFLYER_PAGE_SIZE', '2');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stub.stop();
});

async function run(data: Record<string, unknown>) {
  const enqueued: NewTask[] = [];
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const signal = new AbortController().signal;
  const enqueue = (tasks: NewTask | NewTask[]) => void enqueued.push(...[tasks].flat());
  const unused = { progress() {}, metric() {}, async checkpoint() {} };
  const ctx: Context = { signal, task_id: 1, attempt: 1, device_id: 'device-1', log, enqueue, ...unused };
  const task_data = { username: account, ...data };
  const task = { task_id: 1, task_type: 'sync_apps', task_data, attempt: 1, checkpoint: null };
  return { result: await syncApps(task, ctx), enqueued };
}

describe('sync_apps', () => {
  it('makes one sync_data per app and day, each with a key of its own, and new keys for a new run', async () => {
    const days = { start_date: '2026-01-30', end_date: '2026-02-01' };
    const { result, enqueued } = await run(days);
    const apps = stub.world.appsOf(account);
    expect(result).toEqual({ records_processed: apps.length, apps: apps.length, tasks: apps.length * 3 });
    expect(enqueued[0]).toEqual({
      ...{ task_type: 'sync_data', username: account, app_id: apps[0]!.id },
      ...{ start_date: '2026-01-30', end_date: '2026-01-30' },
      dedupe_key: `sync_data|${account}|${apps[0]!.id}|2026-01-30`,
    });
    const keys = enqueued.map((task) => task.dedupe_key);
    expect(new Set(keys).size).toBe(apps.length * 3);
    const again = await run({ ...days, run: 2 });
    expect(again.enqueued.map((task) => task.dedupe_key)).toEqual(keys.map((key) => `${key}|2`));
  });

  it('passes capabilities and report options on', async () => {
    const more = { timezone: 'Asia/Shanghai', report: 'daily_report' };
    const required_capabilities = { browser_support: true };
    const { enqueued } = await run({ days: 1, required_capabilities, ...more });
    expect(enqueued[0]).toMatchObject({ required_capabilities, task_data: more });
  });

  it('ends for good without an account, without a token for it, and with days that make no sense', async () => {
    for (const data of [
      ...[{ username: '' }, { username: 'account-9@example.com' }, { start_date: '2026-02-30' }, { days: 0 }],
      { start_date: '2026-02-02', end_date: '2026-02-01' },
    ]) {
      await expect(run(data)).rejects.toMatchObject({ outcome: 'permanent' });
    }
  });

  it('asks for the last seven whole days unless told otherwise', () => {
    const days = wantedDays({}, Date.parse('2026-03-02T00:30:00Z'));
    expect([days.length, days[0], days.at(-1)]).toEqual([7, '2026-02-23', '2026-03-01']);
  });

  it('shortens keys that would be too long, without making two of them equal', () => {
    const long = (end: string) => dedupeKey(['sync_data', 'a'.repeat(190), end]);
    expect(long('x')).toMatch(/^sync_data\|sha256:/);
    expect(long('x')).not.toBe(long('y'));
  });
});
