import { monotonic } from '../../runtime/clock.ts';

/** Pause after a claim that brought nothing although its lanes seem to have tasks (locked by others, say); doubles. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;
/** Pause after a claim that the server broke off for its length; doubles. Many devices at once would have no other end. */
const FIRST_RELIEF_MS = 1000;
const LONGEST_RELIEF_MS = 30_000;

/** For how long a worker asks for nothing, since its last claims came to nothing. */
export class ClaimPause {
  #pauseMs = 0;
  #pausedUntil = 0;
  #reliefMs = 0;
  #relievedUntil = 0;

  /** Milliseconds until it is over; 0 or less = there is none. */
  get leftMs(): number {
    return Math.max(this.#pausedUntil, this.#relievedUntil) - monotonic();
  }

  /** A claim brought nothing. */
  pause(): void {
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#pausedUntil = monotonic() + this.#pauseMs;
  }

  /** A claim brought something: the next pause is a short one again. */
  end(): void {
    this.#pauseMs = 0;
    this.#pausedUntil = 0;
  }

  /** Something may have changed since the last claim. What the server broke off waits all the same. */
  news(): void {
    this.#pausedUntil = 0;
  }

  /** The server broke off a claim for its length. */
  relieve(): void {
    this.#reliefMs = Math.min(LONGEST_RELIEF_MS, Math.max(FIRST_RELIEF_MS, this.#reliefMs * 2));
    this.#relievedUntil = monotonic() + this.#reliefMs * (0.5 + Math.random() / 2);
  }

  /** The server carried one out. */
  relieved(): void {
    this.#reliefMs = 0;
  }
}
