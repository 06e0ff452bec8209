// A fleet of real `afd` processes for one test: a folder with its configuration and handlers, the processes with what
// they logged, and a ledger that the handlers write beside the database. Everything ends with the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { TestContext } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import type { AfdEventName } from '../../src/core/events.ts';
import { BIN, type CommandRun, runCommand } from './command.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { insertTask } from './factories.ts';
import { until } from './wait.ts';

/** Every interval short. A device dies by its lock in about half a second, by its heartbeat in three. Seconds. */
const FAST = {
  master: {
    heartbeat_timeout: 3,
    health_check_interval: 0.2,
    scheduler_interval: 0.5,
    lock_check_interval: 0.1,
    lock_grace: 0.3,
    lock_trust_after_start: 0,
    lease_duration: 2,
    lease_trust: 1.4,
    lease_renew_interval: 0.3,
    retry_backoff: { initial: 0.05, max: 0.2, jitter: 0 },
  },
  worker: {
    heartbeat_interval: 0.3,
    tick_interval: 0.1,
    task_poll_interval: 0.1,
    kill_grace: 0.5,
    start_flush_after: 0.2,
    shutdown_timeout: 20,
  },
};

/** How long a test waits for what must come, on a machine that others use too. */
export const PATIENCE_MS = 30_000;
const LAST_LINES = 40;

type Section = Record<string, unknown>;

export interface FleetOptions {
  master?: Section;
  worker?: Section;
  database?: Section;
  log?: Section;
  /** Besides `work` and `command`. Modules are paths inside the folder of the fleet. */
  handlers?: Record<string, Section>;
  /** Further files of the folder, by name. */
  files?: Record<string, string>;
}

/** One line of the log. */
export interface LogLine {
  event?: AfdEventName;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  time: string;
  device_id?: string;
  [field: string]: unknown;
}

/** What a handler wrote: `start`, then `end`, or `abort` when its signal ended it; `command` with the pid of a command. */
export interface LedgerLine {
  what: 'start' | 'end' | 'abort' | 'command';
  task_id: number;
  attempt: number;
  device_id: string;
  pid: number;
}

export interface StartOptions {
  /** Absent: as afd names it. */
  deviceId?: string;
  args?: string[];
  env?: Record<string, string>;
}

export interface FleetProcess {
  readonly pid: number;
  /** Every JSON line of stderr so far. */
  readonly lines: LogLine[];
  /** stdout and stderr. */
  readonly output: string;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /**
   * The first line of that event, past or future, for which `predicate` holds; among those after the first `from`.
   * Rejects when it does not come in time, or when the process ends without it.
   */
  event(
    name: AfdEventName,
    predicate?: (line: LogLine) => boolean,
    timeoutMs?: number,
    from?: number,
  ): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
}

export interface Fleet {
  dir: string;
  start(role: 'worker' | 'leader', options?: StartOptions): FleetProcess;
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
 * Handlers: `work` obeys `task_data`: {ms} takes so long, {gate} waits until that gate is open (`<gate>-<device id>`: on
 * that device), {deaf: true} ignores its signal; `command` is a shell that waits for the gate "command".
 */
export async function fleet(
  test: Pick<TestContext, 'onTestFinished' | 'onTestFailed'>,
  database: { url: string },
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
    master: { ...FAST.master, ...options.master },
    worker: { ...FAST.worker, ...options.worker },
    handlers: { work: { module: './work.mjs' }, command: { exec: ['./command.sh'] }, ...options.handlers },
    log: { level: 'debug', format: 'json', ...options.log },
  };
  const ledger = join(dir, 'ledger');
  const files = {
    'afd.yaml': JSON.stringify(config),
    ledger: '',
    'work.mjs': workModule(dir, ledger),
    ...options.files,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  await writeFile(join(dir, 'command.sh'), commandScript(dir, ledger), { mode: 0o755 });
  const all = () => processes.flatMap((one) => one.lines);
  return {
    dir,
    start(role, { deviceId, args = [], env = {} } = {}) {
      const id = deviceId === undefined ? [] : ['--device-id', deviceId];
      const started = new Process(dir, [role, ...id, ...args], env);
      processes.push(started);
      return started;
    },
    run: (...args) => runCommand(args, { cwd: dir }),
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

export interface Attempt {
  id: number;
  attempt: number;
  device_id: string;
  status: string;
  cause: string | null;
}

/** A fleet with its own schema, and what its tests ask about it. */
export interface Scene extends Fleet {
  db: TestDatabase;
  session: Session;
  /** Adds a `work` task with this payload. Returns its id. */
  add(task_data?: Record<string, unknown>, columns?: Record<string, unknown>): Promise<number>;
  attempts(taskId: number): Promise<Attempt[]>;
  /** Returns when all of these tasks have that status. */
  ended(taskIds: number[], status?: string): Promise<void>;
  /** Returns when the ledger has that line. */
  noted(line: Partial<LedgerLine>): Promise<LedgerLine>;
  /**
   * What is wrong with these tasks, empty when each is done by exactly one completed attempt, the last of 1, 2, 3 …, and
   * none is open.
   */
  wrongs(taskIds: number[]): Promise<string[]>;
}

/** `purpose` names the schema: tests that run at the same time need different ones. */
export async function scene(
  test: Pick<TestContext, 'onTestFinished' | 'onTestFailed'>,
  purpose: string | TestDatabase,
  options: FleetOptions = {},
): Promise<Scene> {
  const db = typeof purpose === 'string' ? await testDatabase(purpose) : purpose;
  test.onTestFinished(() => db.close());
  const session = await db.session();
  const { task, assignment } = db.names;
  const found = await fleet(test, db, options);
  const attempts = (id: number) =>
    session.rows<Attempt>(
      `SELECT id, attempt, device_id, status, cause FROM ${assignment} WHERE task_id = ? ORDER BY attempt`,
      [id],
    );
  return {
    ...found,
    db,
    session,
    add: (task_data = {}, columns = {}) =>
      insertTask(session, db.names, { task_type: 'work', task_data: JSON.stringify(task_data), ...columns }),
    attempts,
    async ended(ids, status = 'done') {
      await until(
        async () => {
          const rows = await session.rows(`SELECT id FROM ${task} WHERE id IN (?) AND status <> ? LIMIT 1`, [
            ids,
            status,
          ]);
          return rows.length === 0;
        },
        PATIENCE_MS,
        `${status} of the tasks`,
      );
    },
    noted: (line) =>
      until(
        async () =>
          (await found.ledger()).find((one) =>
            Object.entries(line).every(([key, value]) => one[key as keyof LedgerLine] === value),
          ),
        PATIENCE_MS,
        `${JSON.stringify(line)} in the ledger`,
      ),
    async wrongs(ids) {
      const wrong: string[] = [];
      const rows = await session.rows(`SELECT id, status, attempt FROM ${task} WHERE id IN (?)`, [ids]);
      if (rows.length !== ids.length) wrong.push(`${ids.length - rows.length} tasks are missing`);
      const all = await session.rows<Attempt & { task_id: number }>(
        `SELECT task_id, attempt, device_id, status, cause FROM ${assignment} WHERE task_id IN (?) ORDER BY task_id, attempt`,
        [ids],
      );
      for (const row of rows) {
        const own = all.filter((one) => one.task_id === row.id);
        const story = own.map((one) => `${one.attempt}:${one.status}`).join(' ');
        const numbered = own.every((one, n) => one.attempt === n + 1) && row.attempt === own.length;
        const completed = own.filter((one) => one.status === 'completed').length;
        const open = own.some((one) => one.status === 'assigned' || one.status === 'running');
        const good =
          row.status === 'done' && numbered && completed === 1 && own.at(-1)?.status === 'completed' && !open;
        if (!good) wrong.push(`task ${row.id} is ${row.status} after ${story}`);
      }
      return wrong;
    },
  };
}

/** How often each task was begun, by the ledger: task id → executions. */
export function executions(ledger: LedgerLine[]): Map<number, number> {
  const begun = new Map<number, number>();
  for (const { what, task_id } of ledger) if (what === 'start') begun.set(task_id, (begun.get(task_id) ?? 0) + 1);
  return begun;
}

/** True when nothing of the process runs any more; a zombie that nobody reaps does not run. */
export function gone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return existsSync('/proc/self/stat') || !signalled(pid);
  }
}

function signalled(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Where there is setpriv, the kernel ends the fleet when this process is killed. */
const TETHER = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];

class Process implements FleetProcess {
  readonly lines: LogLine[] = [];
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #title: string;
  #output = '';
  #ended = false;

  constructor(dir: string, args: string[], env: Record<string, string>) {
    this.#title = `afd ${args.join(' ')}`;
    const [program, ...rest] = [...TETHER, process.execPath, BIN, ...args];
    this.#child = spawn(program!, rest, {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    living.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#readLog();
    this.exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        living.delete(this.#child);
        resolve({ code, signal });
      });
    });
    this.exit.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  async event(
    name: AfdEventName,
    predicate: (line: LogLine) => boolean = () => true,
    timeoutMs = PATIENCE_MS,
    from = 0,
  ): Promise<LogLine> {
    let next = from;
    return until(
      () => {
        // Asked before the look: what it said before its end is not missed.
        const ended = this.#ended;
        for (; next < this.lines.length; next += 1) {
          const line = this.lines[next]!;
          if (line.event === name && predicate(line)) return line;
        }
        if (ended) throw new Error(`${this.#title} ended without a "${name}" that fits`);
        return undefined;
      },
      timeoutMs,
      `"${name}" of ${this.#title}`,
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit.catch(() => {});
  }

  lastLines(): string {
    const last = this.#output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
    return `--- ${this.#title} (pid ${this.pid}), the end of its output:\n${last}\n`;
  }

  #readLog(): void {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      const text = decoder.write(chunk);
      this.#output += text;
      const whole = (rest + text).split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) {
        if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
      }
    });
  }
}

/** appendFileSync opens with O_APPEND and writes once: lines of many processes do not mix. */
function workModule(dir: string, ledger: string): string {
  return `import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export default async ({ task_data: { ms = 0, gate, deaf = false } }, { signal, task_id, attempt, device_id }) => {
  const note = (what) =>
    appendFileSync(${JSON.stringify(ledger)}, JSON.stringify({ what, task_id, attempt, device_id, pid: process.pid }) + '\\n');
  const obey = () => {
    if (deaf || !signal.aborted) return;
    note('abort');
    throw new Error('aborted: ' + signal.reason);
  };
  note('start');
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause(Math.min(10, end - performance.now()));
    obey();
  }
  const file = ${JSON.stringify(`${dir}/`)} + gate;
  while (gate !== undefined && !existsSync(file) && !existsSync(file + '-' + device_id)) {
    await pause(10);
    obey();
  }
  note('end');
  return { device_id, attempt };
};
`;
}

function commandScript(dir: string, ledger: string): string {
  return `#!/bin/sh
note() {
  echo "{\\"what\\":\\"$1\\",\\"task_id\\":$AFD_TASK_ID,\\"attempt\\":$AFD_ATTEMPT,\\"device_id\\":\\"$AFD_DEVICE_ID\\",\\"pid\\":$$}" >>'${ledger}'
}
note start
note command
while [ ! -e '${dir}/command' ]; do sleep 0.05; done
note end
`;
}
