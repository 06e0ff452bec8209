import type { FoundWriter } from '../db/address.ts';
import { isSameServer, type ServerState } from '../domain/writer/member-answer.ts';

export interface Found extends FoundWriter {
  state: ServerState;
}

/** The open sessions of a thread by the server that they have, so that they leave it when another one is the writer. */
export class Followers {
  readonly #by = new Map<Found, Set<() => void>>();

  /** Whether there is any session. */
  get some(): boolean {
    return [...this.#by.values()].some((sessions) => sessions.size > 0);
  }

  /** `now`: the writer that was found last. Returns what ends it. */
  add(writer: Found, leave: () => void, now: Found | undefined): () => void {
    const sessions = this.#by.get(writer) ?? new Set();
    this.#by.set(writer, sessions.add(leave));
    // It was chosen before another was found, and its connection took longer than that.
    if (now !== undefined && !isSameServer(writer.state, now.state)) queueMicrotask(leave);
    return () => {
      sessions.delete(leave);
      if (sessions.size === 0 && this.#by.get(writer) === sessions) this.#by.delete(writer);
    };
  }

  /** A server that has been replaced may go on answering reads. */
  leaveOthers(state: ServerState): void {
    for (const [writer, sessions] of this.#by) {
      if (isSameServer(writer.state, state)) continue;
      this.#by.delete(writer);
      for (const leave of [...sessions]) leave();
    }
  }
}
