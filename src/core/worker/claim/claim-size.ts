/** Above this a claim that asks for no more is not limited at all. */
const NO_LIMIT = 1024;

/**
 * How many tasks one claim asks for on a connection that is slow: half as many after a claim that did not arrive within the
 * call's deadline, down to one; twice as many after one of that size that did.
 */
export class ClaimSize {
  #most = Number.POSITIVE_INFINITY;

  limit(wanted: number): number {
    return Math.min(wanted, this.#most);
  }

  get limited(): boolean {
    return this.#most !== Number.POSITIVE_INFINITY;
  }

  tooSlow(asked: number): void {
    this.#most = Math.max(1, Math.floor(Math.min(asked, this.#most) / 2));
  }

  arrived(asked: number): void {
    if (!this.limited || asked < this.#most) return;
    this.#most = this.#most * 2 > NO_LIMIT ? Number.POSITIVE_INFINITY : this.#most * 2;
  }
}
