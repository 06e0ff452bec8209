// A fleet of real `afd` processes for one test: a folder with its configuration and handlers, the processes, and a
// ledger that the handlers write outside the database. Everything ends with the test.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { runProcess } from './command.ts';
import { OF_PROCESSES } from './fast.ts';
import { type FleetProcess, Process } from './fleet-process.ts';
import { commandScript, type LedgerLine, workModule } from './ledger.ts';
import { type AccountName, type RoleAccounts, urlAs } from './role-accounts.ts';

const ANSWERS = /the gateway answers at (https?:\S+)/;

type Section = Record<string, unknown>;

export interface FleetOptions {
  master?: Section;
  worker?: Section;
  database?: Section;
  log?: Section;
  tables?: Section;
  server?: Section;
  /** Besides `work` and `command`. Modules are paths inside the folder of the fleet. */
  handlers?: Record<string, Section>;
  /** Further files of the folder, by name. */
  files?: Record<string, string>;
}

export interface StartOptions {
  /** Absent: as afd names it. */
  deviceId?: string;
  args?: string[];
  env?: Record<string, string>;
  /** Words before node, such as `setsid`. */
  wrapper?: string[];
}

export type Fleet = Awaited<ReturnType<typeof fleet>>;

/**
 * `test`: the context of the running test, at whose end everything is killed; when it fails, it shows the last log lines.
 * Handlers: `work` obeys `task_data`: {ms} takes that many milliseconds, {gate} waits until that gate is open (`<gate>-<device id>`: on
 * that device), {deaf: true} ignores its signal; `command` is a shell that waits for the gate "command".
 */
export async function fleet(
  test: Pick<TestContext, 'onTestFinished' | 'onTestFailed'>,
  database: { url: string; roles?: RoleAccounts | undefined },
  options: FleetOptions = {},
) {
  const dir = await mkdtemp(join(tmpdir(), 'afd-fleet-'));
  const processes: Process[] = [];
  test.onTestFinished(async () => {
    await Promise.all(processes.map((one) => one.end()));
    await rm(dir, { recursive: true, force: true });
  });
  test.onTestFailed(() => {
    for (const one of processes) process.stderr.write(one.lastLines());
  });
  const { handlers = {}, server, tables } = options;
  const config = {
    database: { url: database.url, ...options.database },
    master: { ...OF_PROCESSES.master, ...options.master },
    worker: { ...OF_PROCESSES.worker, ...options.worker },
    handlers: { work: { module: './work.mjs', isolation: 'none' }, command: { exec: ['./command.sh'] }, ...handlers },
    log: { level: 'debug', format: 'json', ...options.log },
    ...(server && { server }),
    ...(tables && { tables }),
  };
  const ledger = join(dir, 'ledger');
  const own = { 'afd.yaml': JSON.stringify(config), ledger: '', 'work.mjs': workModule(dir, ledger) };
  const files = { ...own, ...options.files };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  await writeFile(join(dir, 'command.sh'), commandScript(dir, ledger), { mode: 0o755 });
  /** In place of the account of the configuration; tables of their own have no accounts, and a remote worker needs none. */
  const as = (account: AccountName): Record<string, string> =>
    database.roles === undefined || options.tables !== undefined || options.worker?.gateway !== undefined
      ? {}
      : { AFD_DATABASE_URL: urlAs(config.database.url, database.roles[account]) };
  const works: AccountName = options.worker?.leader === false ? 'worker' : 'node';
  const begin = (...[args, env, wrapper]: [string[], Record<string, string>, string[]?]) => {
    const started = new Process(dir, args, env, wrapper);
    processes.push(started);
    return started;
  };
  return {
    dir,
    start(role: 'worker' | 'leader', { deviceId, args = [], env = {}, wrapper }: StartOptions = {}): FleetProcess {
      const id = deviceId === undefined ? [] : ['--device-id', deviceId];
      return begin([role, ...id, ...args], { ...as(role === 'worker' ? works : role), ...env }, wrapper);
    },
    /** A gateway on a free port, unless `args` say otherwise; returns when it answers. */
    async serve({ args = [], env = {}, wrapper }: StartOptions = {}): Promise<{ process: FleetProcess; url: string }> {
      const account = args[0] === 'start' ? 'master' : 'gateway';
      const words = args.length > 0 ? args : ['gateway', '--port', '0'];
      const started = begin(words, { ...as(account), ...env }, wrapper);
      const { message } = await started.event('note', (line) => ANSWERS.test(line.message));
      return { process: started, url: ANSWERS.exec(message)![1]! };
    },
    /** One short `afd …` with the configuration of the fleet. */
    run: (...args: string[]) => runProcess(args, { cwd: dir }),
    /** Lets every handler go on that waits for this gate (`task_data.gate`). */
    open: (gate: string) => writeFile(join(dir, gate), ''),
    async ledger() {
      const lines = (await readFile(ledger, 'utf8')).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as LedgerLine);
    },
    /** Every line of every process at this level or above. */
    complaints: (level: 'warn' | 'error') =>
      processes
        .flatMap((one) => one.lines)
        .filter((line) => line.level === 'error' || line.level === level)
        .map((line) => `${line.device_id}: ${line.message}`),
  };
}
