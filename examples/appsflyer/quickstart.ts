// The demonstration of `npm run quickstart`: five accounts of a local stand-in of the API, three worker processes, one
// of them killed in the middle, and every stored figure compared with what was served. Returns the exit code.
import { Listr, type ListrTask } from 'listr2';
import { stringify } from 'yaml';
import { afd, QuickstartError } from './quickstart/afd.ts';
import { compareRecords, type DataRecord, storedRecords } from './quickstart/comparison.ts';
import { crawl, type KillResult, type Report, untilReady } from './quickstart/crawl.ts';
import { createDataTable, type DemoDatabase, openDatabase } from './quickstart/database.ts';
import * as fleets from './quickstart/fleet.ts';
import { attempts, snapshot } from './quickstart/observe.ts';
import { findPython } from './quickstart/python.ts';
import { type Facts, judge, type QuickstartResult, renderSummary } from './quickstart/summary.ts';
import { daysBetween } from './stub/reply.ts';
import { Stub } from './stub/server.ts';
import { expectedRows } from './stub/world.ts';

const SEED = 20_260_105;
const DAYS = { start: '2026-01-05', end: '2026-01-11' };
const VICTIM = 'quickstart-2';
const LIMIT_MS = 120_000;
/** Which account's reports need what: so three lanes, one of them open to a single device. */
const REQUIRES: Record<string, Record<string, boolean>> = {
  'account-1@example.com': { browser_support: true },
  'account-2@example.com': { proxy_support: true },
};

export interface QuickstartOptions {
  json: boolean;
  /** Milliseconds since the command was typed. */
  since?: number;
}

export async function quickstart({ json, since = Date.now() }: QuickstartOptions): Promise<number> {
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(tooLong()), LIMIT_MS);
  const interrupt = () => stop.abort(new QuickstartError('Interrupted.', 130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const open: { database?: DemoDatabase; stub?: Stub; fleet?: fleets.Fleet } = {};
  try {
    const result = await run(open, stop.signal, { json, since });
    const text = json ? `${JSON.stringify(result, null, 2)}\n` : renderSummary(result, open.database!.embedded);
    process.stdout.write(text);
    return result.ok ? 0 : 1;
  } catch (error) {
    const reason = stop.signal.aborted ? stop.signal.reason : error;
    const message = reason instanceof Error ? reason.message : String(reason);
    const logs =
      open.fleet === undefined
        ? ''
        : `\n  Logs: ${open.fleet.plans.map((plan) => fleets.logFile(plan.device_id)).join('\n        ')}`;
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, problems: [message] }, null, 2)}\n`);
    process.stderr.write(`\nThe quickstart failed: ${message}${logs}\n`);
    if (!(reason instanceof QuickstartError) && reason instanceof Error) process.stderr.write(`${reason.stack}\n`);
    return reason instanceof QuickstartError ? reason.exitCode : 1;
  } finally {
    clearTimeout(limit);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    open.fleet?.abandon();
    await open.stub?.stop();
    open.database?.connection.destroy();
    fleets.releaseFolder();
  }
}

async function run(
  open: { database?: DemoDatabase; stub?: Stub; fleet?: fleets.Fleet },
  signal: AbortSignal,
  { json, since }: { json: boolean; since: number },
): Promise<QuickstartResult> {
  const live = !json && process.stdout.isTTY === true;
  const dates = daysBetween(DAYS.start, DAYS.end);
  let python: Awaited<ReturnType<typeof findPython>> = { reason: '' };
  let kill: KillResult | undefined;
  let ends: Facts['ends'] = {};
  const facts: Partial<Facts> = {};
  const wanted = () => open.stub!.world.apps.length * dates.length;
  const total = () => wanted() + open.stub!.world.accounts.length;
  const stage = (report: Report) => ({ database: open.database!, fleet: open.fleet!, report, signal });

  const steps: ListrTask[] = [
    {
      title: 'Database server',
      task: async (_, task) => {
        fleets.prepareFolder();
        open.database = await openDatabase(signal);
        fleets.writeSecret(fleets.configFile('afd'), stringify(fleets.baseConfiguration(open.database)));
        task.title = `Database server: ${open.database.label}`;
      },
    },
    {
      title: 'Tables: afd migrate up, and af_data of the example',
      task: async () => {
        await Promise.all([afd(['migrate', 'up', ...config()], signal), createDataTable(open.database!)]);
      },
    },
    {
      title: 'A local stand-in of the AppsFlyer API',
      task: async (_, task) => {
        open.stub = await startStub();
        fleets.writeSecret(fleets.tokensFile(), JSON.stringify(open.stub.tokens()));
        const { accounts, apps } = open.stub.world;
        task.title += `: ${accounts.length} accounts, ${apps.length} apps, ${dates.length} days`;
      },
    },
    {
      title: 'Three workers',
      task: async (_, task) => {
        python = findPython();
        open.fleet = new fleets.Fleet(plans(python.program));
        open.fleet.start(open.database!, handlerEnvironment(open.stub!, open.database!));
        const adding = addTasks(open.database!, open.stub!, signal);
        await Promise.all([adding, untilReady(stage(reporter(task, live)))]);
        task.title = `Three workers, and ${open.stub!.world.accounts.length} tasks: one sync_apps per account`;
      },
    },
    {
      title: 'The crawl',
      task: async (_, task) => {
        kill = await crawl(stage(reporter(task, live)), VICTIM, total());
        task.title = `The crawl: ${total()} tasks done, ${VICTIM} killed on the way`;
      },
    },
    {
      title: 'Every stored figure against what was served',
      task: async () => {
        const { connection, tables } = open.database!;
        const expected = expectedRows(open.stub!.world, dates) as unknown as DataRecord[];
        facts.comparison = compareRecords(expected, await storedRecords(connection, tables.data));
        facts.served = open.stub!.ledger.reports().length;
      },
    },
    {
      title: 'Workers end: SIGTERM',
      task: async () => {
        facts.final = await snapshot(open.database!);
        ends = await open.fleet!.stop();
        facts.attempts = await attempts(open.database!, VICTIM);
      },
    },
  ];
  const renderer = json ? 'silent' : live ? 'default' : 'simple';
  await new Listr(steps, { renderer, registerSignalListeners: false }).run();

  return judge({
    ...(facts as Facts),
    database: open.database!.label,
    plans: open.fleet!.plans,
    total: total(),
    kill: kill!,
    ends,
    answers: open.stub!.ledger.answers,
    wanted: wanted(),
    python:
      python.program === undefined
        ? `skipped: ${python.reason}`
        : 'quickstart-1 ran sync_data as examples/python/sync_data.py',
    seconds: { crawl: facts.attempts!.seconds, total: (Date.now() - since) / 1000 },
  });
}

function plans(python: string | undefined): fleets.WorkerPlan[] {
  return [
    { device_id: 'quickstart-1', slots: 2, task_types: ['sync_data'], capabilities: {}, python },
    { device_id: VICTIM, slots: 5, task_types: ['sync_apps', 'sync_data'], capabilities: { proxy_support: true } },
    {
      device_id: 'quickstart-3',
      slots: 8,
      task_types: ['sync_apps', 'sync_data'],
      capabilities: { proxy_support: true, browser_support: true },
    },
  ];
}

/** Quotas and faults as documented, only faster; each of them is met on the way and none may leave a trace. */
function startStub(): Promise<Stub> {
  return new Stub({
    seed: SEED,
    accounts: 5,
    apps: [6, 11],
    latency_ms: [60, 200],
    faults: { too_many: 0.02, server_error: 0.02, cut: 0.01, slow: 0.03, slow_ms: 700 },
    quotas: { aggregate: { calls: 6, window_ms: 500 } },
  }).start();
}

function handlerEnvironment(stub: Stub, { url, tables }: DemoDatabase): Record<string, string> {
  return {
    APPSFLYER_BASE_URL: stub.url,
    APPSFLYER_TOKENS_FILE: fleets.tokensFile(),
    APPSFLYER_WAIT_SCALE: '0.01',
    APPSFLYER_PAGE_SIZE: '5',
    AF_DATA_DATABASE_URL: url,
    AF_DATA_TABLE: tables.data,
  };
}

/** One account by the command line, the others as any program may do it: a plain INSERT into the task table. */
async function addTasks({ connection, tables }: DemoDatabase, stub: Stub, signal: AbortSignal): Promise<void> {
  const [first, ...others] = stub.world.accounts.map(({ username }) => ({
    username,
    data: JSON.stringify({ required_capabilities: REQUIRES[username] ?? {} }),
  }));
  const rows = others.map(({ username, data }) => ['sync_apps', username, DAYS.start, DAYS.end, 8, data]);
  const columns = 'task_type, username, start_date, end_date, priority, task_data';
  await connection.query(`INSERT INTO ${tables.task} (${columns}) VALUES ?`, [rows]);
  const { username, data } = first!;
  const days = ['--start-date', DAYS.start, '--end-date', DAYS.end];
  const task = ['--type', 'sync_apps', '--username', username, ...days, '--priority', '8', '--data', data];
  await afd(['tasks', 'add', ...task, ...config()], signal);
}

function config(): string[] {
  return ['--config', fleets.configFile('afd')];
}

/** A terminal shows the last events above a line that changes; anything else gets each event, and a line a second. */
function reporter(task: { output: string }, live: boolean): Report {
  const events: string[] = [];
  let status = '';
  let last = 0;
  return {
    event(text) {
      events.push(text);
      task.output = live ? [...events, status].join('\n') : text;
    },
    status(text) {
      status = text;
      if (live) task.output = [...events, status].join('\n');
      else if (Date.now() - last >= 1000) {
        last = Date.now();
        task.output = text.replaceAll('\n', ' | ');
      }
    },
  };
}

function tooLong(): QuickstartError {
  return new QuickstartError(`Not finished after ${LIMIT_MS / 1000} s.`, 7);
}
