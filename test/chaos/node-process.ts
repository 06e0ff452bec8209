// One `afd` of the storm: started through its own proxy, killed, frozen, and started again as long as the storm lasts.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { History } from './history.ts';
import type { PlannedDevice } from './plan.ts';
import type { ChaosProxy } from './proxy.ts';

export interface NodeOptions {
  device: PlannedDevice;
  dir: string;
  /** bin/run.js of the afd under test. */
  bin: string;
  /** Where it finds the database, or the gateways. */
  env: Record<string, string>;
  /** What follows the role on its command line. */
  args: string[];
  /** Between it and those. */
  proxies: ChaosProxy[];
  history: History;
  /** libfaketime; undefined = clocks stay as they are. */
  faketime: string | undefined;
}

/** The kernel ends the fleet when this process is killed. */
const TETHER = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];
/** A process that ended by itself is started again after this. */
const AGAIN_MS = 300;
/** Asked to stop, superseded (or the id still runs), no database, try again; 143: not in time. */
const ANSWERS = new Set([0, 5, 69, 75, 143]);

export class NodeProcess {
  readonly #o: NodeOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #over = false;
  #again = AGAIN_MS;
  stopped = false;
  starts = 0;

  constructor(options: NodeOptions) {
    this.#o = options;
  }

  get id(): string {
    return this.#o.device.id;
  }

  get role(): PlannedDevice['role'] {
    return this.#o.device.role;
  }

  get proxies(): ChaosProxy[] {
    return this.#o.proxies;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    const { device, dir, bin, env, args: more, faketime, history } = this.#o;
    const clock =
      faketime === undefined || device.skew_s === 0
        ? {}
        : {
            LD_PRELOAD: faketime,
            FAKETIME: `${device.skew_s < 0 ? '' : '+'}${device.skew_s}s`,
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          };
    const [program, ...args] = [...TETHER, process.execPath, bin, device.role, ...more];
    const child = spawn(program!, args, {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env, ...clock },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.starts += 1;
    this.stopped = false;
    history.note({ proc: device.id, type: 'ok', f: 'start', pid: child.pid });
    const last: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => {
      appendFileSync(join(dir, `${device.id}.log`), `${line}\n`);
      last.push(line);
      if (last.length > 20) last.shift();
      this.#heard(line);
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#child = undefined;
        history.note({ proc: device.id, type: 'info', f: 'exit', code, signal });
        this.#judge(code, last);
        // What libfaketime leaves behind of a process that was killed.
        for (const name of ['faketime_shm', 'sem.faketime_sem'])
          rmSync(`/dev/shm/${name}_${child.pid}`, { force: true });
        resolve();
        if (!this.#over) void pause(this.#again).then(() => this.#over || this.running || this.start());
        this.#again = AGAIN_MS;
      });
    });
  }

  /** SIGKILL; it is back after `ms` milliseconds. */
  kill(backAfterMs: number): void {
    this.#again = backAfterMs;
    this.signal('SIGKILL');
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGSTOP') this.stopped = true;
    if (signal === 'SIGCONT') this.stopped = false;
    this.#child?.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async end(): Promise<void> {
    this.#over = true;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const late = setTimeout(() => {
      this.#o.history.note({ proc: this.id, type: 'info', f: 'end-late' });
      this.signal('SIGKILL');
    }, 20_000);
    await this.#ended;
    clearTimeout(late);
  }

  /** Whatever else a process ends with by itself is a fault of its own. */
  #judge(code: number | null, last: string[]): void {
    if (code === null || ANSWERS.has(code)) return;
    const message = `exit ${code}: ${last.join('\n').slice(-600)}`;
    this.#o.history.note({ proc: this.id, type: 'fail', f: 'bug', message });
  }

  #heard(text: string): void {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as Record<string, unknown>;
    const { history } = this.#o;
    const { task_id: task, attempt, term, reason } = line;
    // What the worker believes. `status` is the task's by then: of an attempt that was released, perhaps another's doing.
    const outcome = String(line.message).endsWith(' is done') ? 'done' : 'ended';
    const note = (type: 'ok' | 'info', f: string, more: Record<string, unknown>) =>
      history.note({ proc: this.id, type, f, ...more });
    if (line.event === 'worker:started') note('ok', 'ready', {});
    else if (line.event === 'task:claimed') note('ok', 'claim', { task, attempt });
    else if (line.event === 'task:finished') note('ok', 'complete', { task, attempt, outcome });
    else if (line.event === 'task:lost') note('info', 'fenced', { task, attempt, reason });
    else if (line.event === 'leader:gained') note('ok', 'elect', { term });
    else if (line.event === 'leader:lost') note('info', 'step-down', { term, reason });
    else if (line.event === 'device:dead') note('ok', 'declare-dead', { victim: line.dead_device_id, by: line.by });
  }
}
