// What the liveness thread does about a main thread that does not come to its event loop: it says so once, closes the
// board, releases what has not begun, and lets the others and the operator see it; and undoes all of that afterwards.

import { monotonic } from '../runtime/clock.ts';
import type { AfdEvents } from '../runtime/events.ts';
import { failedCheck, type HeldHostage } from './blocked-claims.ts';
import type { Identity } from './device-identity.ts';
import type { LivenessReport, LivenessSettings, WorkSession } from './liveness-messages.ts';
import { MainWatch } from './main-watch.ts';
import { type Begun, PulseBoard } from './pulse-board.ts';

/** Time between two checks of what is still held, while it lasts. */
const CHECK_MS = 1000;

/** What a thread can do that core alone cannot. */
export interface Outside {
  /** Writes a line of log at once, past the main thread. */
  say(deviceId: string | undefined, data: AfdEvents['main:blocked']): Promise<void>;
  /** Ends the whole process. */
  end(): void;
}

export interface MainSilenceOptions {
  settings: Pick<LivenessSettings, 'board' | 'capabilities' | 'deviceType'>;
  /** What frees the claims of this process meanwhile. */
  hostages: (board: PulseBoard) => HeldHostage;
  report: (report: LivenessReport) => void;
  deviceId: () => string | undefined;
  outside: Outside | undefined;
  /** It began or ended: the next heartbeat says so. */
  onChange: () => void;
}

export class MainSilence {
  /** Monotonic ms of the next check; infinite while the main thread is heard. */
  due = Number.POSITIVE_INFINITY;
  /** Its owner starts and stops it; undefined = no main thread is watched. */
  readonly watch: MainWatch | undefined;
  readonly #o: MainSilenceOptions;
  readonly #board: PulseBoard | undefined;
  readonly #hostages: HeldHostage | undefined;
  #checking = false;
  #released = 0;
  #warned: string | undefined;

  constructor(options: MainSilenceOptions) {
    this.#o = options;
    const { settings, hostages } = options;
    if (settings.board === undefined) return;
    const board = new PulseBoard(settings.board);
    this.#board = board;
    this.#hostages = hostages(board);
    this.watch = new MainWatch({
      board,
      onSilent: () => this.#begin(),
      onStill: () => this.#endInTime(),
      onBack: (afterMs) => this.#end(afterMs),
    });
  }

  get silent(): boolean {
    return this.watch?.silent ?? false;
  }

  set work(session: WorkSession) {
    if (this.#hostages !== undefined) this.#hostages.work = session;
  }

  /** For the device row: why it claims nothing. */
  get held(): string[] {
    if (!this.silent) return [];
    const { for_ms, tasks, known } = this.#facts();
    const names = tasks.map((one) => `task ${one.task_id} (${one.task_type})`);
    const by = names.length === 0 ? 'no task' : `${known ? '' : 'one of '}${names.join(', ')}`;
    const blocked = `main thread blocked for ${Math.round(for_ms / 1000)} s`;
    return [this.#gateway.gateway === true ? blocked : `${blocked} by ${by}`];
  }

  /** One check of what this process holds; between two others of the liveness loop. @throws DatabaseError */
  async check(owner: Pick<Identity, 'deviceId' | 'instanceToken'>): Promise<void> {
    if (this.#hostages === undefined) return;
    const now = monotonic();
    this.due = now + CHECK_MS;
    this.#checking = true;
    try {
      const { released } = await this.#hostages.free(owner, now, () => this.silent);
      this.#released += released;
    } catch (error) {
      const message = failedCheck(error);
      if (message !== this.#warned) this.#o.report({ kind: 'warning', message });
      this.#warned = message;
    } finally {
      this.#checking = false;
      this.#reopen();
    }
  }

  #begin(): void {
    this.#board?.close();
    this.due = 0;
    this.#released = 0;
    this.#warned = undefined;
    const facts = this.#facts();
    const told = this.#o.outside?.say(this.#o.deviceId(), facts) ?? Promise.reject(new Error('there is no log here'));
    // What cannot be said here is said by the main thread, as soon as it can.
    told.catch(() => this.#o.report({ kind: 'main-blocked', facts }));
    this.#o.onChange();
  }

  #endedAfter: number | undefined;

  #end(afterMs: number): void {
    this.due = Number.POSITIVE_INFINITY;
    this.#endedAfter = afterMs;
    this.#reopen();
    this.#o.onChange();
  }

  /** Not while claims are being released: one of them could be claimed and begun by then. */
  #reopen(): void {
    if (this.silent || this.#checking || this.#endedAfter === undefined) return;
    this.#board?.reopen();
    this.#o.report({ kind: 'main-back', afterMs: this.#endedAfter, released: this.#released, ...this.#gateway });
    this.#endedAfter = undefined;
  }

  #endInTime(): void {
    const by = this.#board?.endsBy;
    if (by !== undefined && monotonic() > by) this.#o.outside?.end();
  }

  get #gateway(): { gateway?: boolean } {
    return this.#o.settings.deviceType === 'gateway' ? { gateway: true } : {};
  }

  #facts(): AfdEvents['main:blocked'] {
    const current = this.#board?.current;
    const others = this.#board?.begun()?.filter((one) => !one.ended) ?? [];
    const suspects = current === undefined ? others : [current];
    const tasks = suspects.map((one) => ({
      task_id: one.task_id,
      attempt: one.attempt,
      task_type: this.#typeOf(one),
    }));
    return { for_ms: this.watch?.silentMs ?? 0, tasks, known: current !== undefined, ...this.#gateway };
  }

  #typeOf({ type }: Begun): string {
    const types = this.#o.settings.capabilities.supported_tasks;
    return String((Array.isArray(types) ? types[type] : undefined) ?? 'unknown type');
  }
}
