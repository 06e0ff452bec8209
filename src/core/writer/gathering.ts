/** Milliseconds after a change of the node at which it is asked where the others are, before chance. */
const AT_MS = [2000, 8000, 25_000];

/**
 * On Galera the processes of a fleet may choose different nodes when one fails: nothing but time makes them agree. So each asks some times
 * more after it has changed its node, and goes where most sessions are.
 */
export class Gathering {
  /** This round is for that. */
  now = false;
  readonly #ask: () => void;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;

  /** `random`: number in [0, 1). */
  constructor(ask: () => void, random: () => number) {
    this.#ask = ask;
    this.#random = random;
  }

  /** A round has found its node. `changed`: another one than before. `spreadMs`: so that a crowd does not ask at once. */
  found(changed: boolean, spreadMs: number): void {
    this.now = false;
    if (changed) this.#next(0, spreadMs);
  }

  #next(n: number, spreadMs: number): void {
    clearTimeout(this.#timer);
    const atMs = AT_MS[n];
    if (atMs === undefined) return;
    const waitMs = atMs - (AT_MS[n - 1] ?? 0) + this.#random() * spreadMs;
    this.#timer = setTimeout(() => {
      this.now = true;
      this.#ask();
      this.#next(n + 1, spreadMs);
    }, waitMs);
    this.#timer.unref();
  }
}
