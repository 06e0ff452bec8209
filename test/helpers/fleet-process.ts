// One `afd` process of a fleet, with what it logged.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { AfdEventName } from '../../src/core/runtime/events.ts';
import { BIN } from './command.ts';
import { alive } from './server.ts';
import { until } from './wait.ts';

/** How long a test waits for what must come, on a machine that others use too. */
export const PATIENCE_MS = 60_000;
/** How long a test may take that waits for several such things. */
export const MINUTES = 240_000;
const LAST_LINES = 40;

/** One line of the log. */
export interface LogLine {
  event?: AfdEventName;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  time: string;
  device_id?: string;
  [field: string]: unknown;
}

/** True when nothing of the process runs any more; a zombie that nobody reaps does not run. */
export function gone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return existsSync('/proc/self/stat') || !alive(pid);
  }
}

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Where there is setpriv, the kernel ends the fleet when this process is killed. */
export const TETHER = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];

export class Process {
  /** Every JSON line of stderr so far. */
  readonly lines: LogLine[] = [];
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #title: string;
  #output = '';
  #ended = false;

  /** `wrapper`: words before node, such as those of a shell. */
  constructor(dir: string, args: string[], env: Record<string, string>, wrapper: string[] = []) {
    this.#title = `afd ${args.join(' ')}`;
    const [program, ...rest] = [...TETHER, ...wrapper, process.execPath, BIN, ...args];
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

  /** stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /**
   * The first line of that event, past or future, for which `predicate` holds; among those after the first `from`.
   * Rejects when it does not come in time, or when the process ends without it.
   */
  async event(
    name: AfdEventName,
    predicate: (line: LogLine) => boolean = () => true,
    timeoutMs = PATIENCE_MS,
    from = 0,
  ): Promise<LogLine> {
    let next = from;
    return until(
      () => {
        // Asked before the poll: what it said before its end is not missed.
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

export type FleetProcess = Omit<Process, 'end' | 'lastLines'>;
