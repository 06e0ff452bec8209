// A fleet of real `afd` processes for one test: a folder with its configuration and handlers, the processes, and a
// ledger that the handlers write outside the database. Everything ends with the test.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { type CommandRun, runProcess } from './command.ts';
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

export interface Fleet {
  dir: string;
  start(role: 'worker' | 'leader', options?: StartOptions): FleetProcess;
  /** A gateway on a free port, unless `args` say otherwise; returns when it answers. */
  serve(options?: StartOptions): Promise<{ process: FleetProcess; url: string }>;
  /** One short `afd …` with the configuration of the fleet. */
  run(...args: string[]): Promise<CommandRun>;
  /** Lets every handler go on that waits for this gate (`task_data.gate`). */
  open(gate: string): Promise<void>;
  ledger(): Promise<LedgerLine[]>;
  /** Every line of every process at this level or above. */
  complaints(level: 'warn' | 'error'): string[];
}

/**
 * `test`: the context of the running test, at whose end everything is killed; when it fails, it shows the last log lines.
 * Handlers: `work` obeys `task_data`: {ms} takes that many milliseconds, {gate} waits until that gate is open (`<gate>-<device id>`: on
 * that device), {deaf: true} ignores its signal; `command` is a shell that waits for the gate "command".
 */
export async function fleet(
  test: Pick<TestContext, 'onTestFinished' | 'onTestFailed'>,
  database: { url: string; roles?: RoleAccounts | undefined },
  options: FleetOptions = {},
): Promise<Fleet> {
  const dir = await mkdtemp(join(tmpdir(), 'afd-fleet-'));
  const processes: Process[] = [];
  test.onTestFinished(async () => {
    await Promise.all(processes.map((one) => one.end()));
    await rm(dir, { recursive: true, force: true });
  });
  test.onTestFailed(() => {
    for (const one of processes) process.stderr.write(one.lastLines());
  });
  const config = {
    database: { url: database.url, ...options.database },
    master: { ...OF_PROCESSES.master, ...options.master },
    worker: { ...OF_PROCESSES.worker, ...options.worker },
    handlers: {
      work: { module: './work.mjs', isolation: 'none' },
      command: { exec: ['./command.sh'] },
      ...options.handlers,
    },
    log: { level: 'debug', format: 'json', ...options.log },
    ...(options.server === undefined ? {} : { server: options.server }),
    ...(options.tables === undefined ? {} : { tables: options.tables }),
  };
  const ledger = join(dir, 'ledger');
  const files = {
    'afd.yaml': JSON.stringify(config),
    ledger: '',
    'work.mjs': workModule(dir, ledger),
    ...options.files,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  await writeFile(join(dir, 'command.sh'), commandScript(dir, ledger), { mode: 0o755 });
  /** In place of the account of the configuration; tables of their own have no accounts, and a remote worker needs none. */
  const as = (account: AccountName): Record<string, string> =>
    database.roles === undefined || options.tables !== undefined || options.worker?.gateway !== undefined
      ? {}
      : { AFD_DATABASE_URL: urlAs(config.database.url, database.roles[account]) };
  const works: AccountName = options.worker?.leader === false ? 'worker' : 'node';
  const all = () => processes.flatMap((one) => one.lines);
  return {
    dir,
    start(role, { deviceId, args = [], env = {}, wrapper } = {}) {
      const id = deviceId === undefined ? [] : ['--device-id', deviceId];
      const started = new Process(
        dir,
        [role, ...id, ...args],
        { ...as(role === 'worker' ? works : role), ...env },
        wrapper,
      );
      processes.push(started);
      return started;
    },
    async serve({ args = [], env = {}, wrapper } = {}) {
      const account = args[0] === 'start' ? 'master' : 'gateway';
      const words = args.length > 0 ? args : ['gateway', '--port', '0'];
      const started = new Process(dir, words, { ...as(account), ...env }, wrapper);
      processes.push(started);
      const { message } = await started.event('note', (line) => ANSWERS.test(line.message));
      return { process: started, url: ANSWERS.exec(message)![1]! };
    },
    run: (...args) => runProcess(args, { cwd: dir }),
    open: (gate) => writeFile(join(dir, gate), ''),
    async ledger() {
      const text = await readFile(ledger, 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LedgerLine);
    },
    complaints: (level) =>
      all()
        .filter((line) => line.level === 'error' || line.level === level)
        .map((line) => `${line.device_id}: ${line.message}`),
  };
}
