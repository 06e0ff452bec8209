import { handledTypes } from '../db/devices/handled-types.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { monotonic } from '../runtime/clock.ts';

/** How long a type that is handled counts as handled, in milliseconds. One that is not is asked for each time. */
const TRUST_MS = 60_000;

/** Which task types some worker handles, for the doubts about new tasks. */
export class HandledTypes {
  readonly #names: TableNames;
  #known: Set<string> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(names: TableNames) {
    this.#names = names;
  }

  /** What is handled; undefined = there is no worker. Read anew if one of these is not known to be. @throws DatabaseError */
  async of(session: Session, types: readonly string[]): Promise<Set<string> | undefined> {
    const known = this.#known;
    const all = known !== undefined && types.every((type) => known.has(type));
    if (all && monotonic() - this.#readAt < TRUST_MS) return known;
    const at = monotonic();
    this.#known = await handledTypes(session, this.#names);
    this.#readAt = at;
    return this.#known;
  }
}
