import type { LeaseRow } from '../db/leader/read-lease.ts';
import type { Session } from '../db/session.ts';
import type { Elector } from './elector.ts';

/** When the elector is asked to move: a leader when it must renew, a follower whenever the leader row was seen anyway. */
export class ElectionRound {
  /** Monotonic ms at which the next move is due even if nothing was seen. */
  due = 0;
  readonly #elector: Elector;
  readonly #renewMs: number;
  #resigning = false;

  constructor(elector: Elector, renewMs: number) {
    this.#elector = elector;
    this.#renewMs = renewMs;
  }

  /** Resigns with the next round. */
  resign(): void {
    this.#resigning = true;
  }

  /** One move, if it is due. @throws DatabaseError */
  async move(session: Session, now: number, seen: LeaseRow | undefined): Promise<void> {
    if (this.#resigning) {
      this.#resigning = false;
      await this.#elector.resign(session);
    }
    const follows = this.#elector.term === undefined;
    if (now < this.due && !(follows && seen !== undefined)) return;
    this.due = now + this.#renewMs;
    const again = await this.#elector.step(session, seen);
    this.due = now + Math.min(again, this.#renewMs);
  }

  /** In place of a move, while the main thread is silent: who cannot do the duties does not lead. @throws DatabaseError */
  async yield(session: Session, now: number): Promise<void> {
    this.due = now + this.#renewMs;
    if (this.#elector.term !== undefined) await this.#elector.resign(session, 'silent');
  }

  /** Best effort, before `close`. @throws DatabaseError */
  async resignNow(session: Session): Promise<void> {
    await this.#elector.resign(session);
  }

  async close(): Promise<void> {
    await this.#elector.close();
  }
}
