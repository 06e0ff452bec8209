// One `afd` of the storm: started through its own proxy, killed, frozen, and started again as long as the storm lasts.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { TETHER } from '../helpers/fleet-process.ts';
import type { Entry, History } from './history.ts';
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
}

/** Undefined = there is none, and clocks stay as they are. */
export const FAKETIME = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((place) => `/usr/lib/${place}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/** A process that ended by itself is started again after this. */
const AGAIN_MS = 300;
/** Asked to stop, superseded (or the id still runs), no database, try again; 143: not in time. */
const ANSWERS = new Set([0, 5, 69, 75, 143]);

export class NodeProcess {
  readonly id: string;
  readonly role: PlannedDevice['role'];
  readonly proxies: ChaosProxy[];
  readonly #o: NodeOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #over = false;
  #again = AGAIN_MS;
  stopped = false;
  starts = 0;

  constructor(options: NodeOptions) {
    this.#o = options;
    this.id = options.device.id;
    this.role = options.device.role;
    this.proxies = options.proxies;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    const { dir, bin, env, args: more } = this.#o;
    const [program, ...args] = [...TETHER, process.execPath, bin, this.role, ...more];
    const child = spawn(program!, args, {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env, ...this.#clock() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.starts += 1;
    this.stopped = false;
    this.#note('ok', 'start', { pid: child.pid });
    const last: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => {
      appendFileSync(join(dir, `${this.id}.log`), `${line}\n`);
      last.push(line);
      if (last.length > 20) last.shift();
      this.#heard(line);
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#child = undefined;
        this.#note('info', 'exit', { code, signal });
        // Whatever else a process ends with by itself is a fault of its own.
        if (code !== null && !ANSWERS.has(code))
          this.#note('fail', 'bug', { message: `exit ${code}: ${last.join('\n').slice(-600)}` });
        // What libfaketime leaves behind of a process that was killed.
        for (const name of ['faketime_shm', 'sem.faketime_sem'])
          rmSync(`/dev/shm/${name}_${child.pid}`, { force: true });
        resolve();
        if (!this.#over) void pause(this.#again).then(() => this.#over || this.running || this.start());
        this.#again = AGAIN_MS;
      });
    });
  }

  #clock(): Record<string, string> {
    const { skew_s } = this.#o.device;
    if (FAKETIME === undefined || skew_s === 0) return {};
    const sign = skew_s < 0 ? '' : '+';
    return { LD_PRELOAD: FAKETIME, FAKETIME: `${sign}${skew_s}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  }

  #note(type: Entry['type'], f: string, more: Record<string, unknown> = {}): void {
    this.#o.history.note({ proc: this.id, type, f, ...more });
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
      this.#note('info', 'end-late');
      this.signal('SIGKILL');
    }, 20_000);
    await this.#ended;
    clearTimeout(late);
  }

  #heard(text: string): void {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as Record<string, unknown>;
    const { task_id: task, attempt, term, reason } = line;
    // What the worker believes. `status` is the task's by then: of an attempt that was released, perhaps another's doing.
    const outcome = String(line.message).endsWith(' is done') ? 'done' : 'ended';
    if (line.event === 'worker:started') this.#note('ok', 'ready');
    else if (line.event === 'task:claimed') this.#note('ok', 'claim', { task, attempt });
    else if (line.event === 'task:finished') this.#note('ok', 'complete', { task, attempt, outcome });
    else if (line.event === 'task:lost') this.#note('info', 'fenced', { task, attempt, reason });
    else if (line.event === 'leader:gained') this.#note('ok', 'elect', { term });
    else if (line.event === 'leader:lost') this.#note('info', 'step-down', { term, reason });
    else if (line.event === 'device:dead')
      this.#note('ok', 'declare-dead', { victim: line.dead_device_id, by: line.by });
  }
}
