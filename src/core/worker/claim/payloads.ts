// Payloads that were too long to come with their claims: each is fetched just before its handler begins, one at a time, so
// that the worker holds no more of them than it has slots.

import { DatabaseError } from '../../db/database-error.ts';
import type { ExchangeResult, PlannedClaim, WorkPort } from '../port/work-port.ts';

/** A payload that has missed the call's deadline this many times is given up. */
const MOST_TRIES = 3;

interface Wanted {
  task_id: number;
  claim_token: Buffer;
  payload_bytes: number;
  tries: number;
  resolve(payload: string | null | undefined): void;
  reject(error: Error): void;
}

export class Payloads {
  readonly #wanted: Wanted[] = [];
  /** Called when an attempt waits: `serve` is wanted. */
  onWanted: () => void = () => {};

  get waiting(): number {
    return this.#wanted.length;
  }

  /** JSON text; undefined = the task is no longer held under this token. @throws Error when it cannot be fetched */
  fetch(claim: { task_id: number; claim_token: Buffer; payload_bytes: number }): Promise<string | null | undefined> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ ...claim, tries: 0, resolve, reject });
      this.onWanted();
    });
  }

  /** Answers all who wait. After a transient error the rest wait for the next call. @throws DatabaseError */
  async serve(work: Pick<WorkPort<PlannedClaim, ExchangeResult>, 'ready' | 'payload'>): Promise<void> {
    for (let one = this.#wanted[0]; one !== undefined; one = this.#wanted[0]) {
      await work.ready();
      try {
        one.resolve(await work.payload(one));
      } catch (error) {
        if (!this.#givesUp(one, error)) throw error;
      }
      this.#wanted.shift();
    }
  }

  /** Nobody is answered any more. */
  close(): void {
    for (const one of this.#wanted.splice(0)) one.resolve(undefined);
  }

  #givesUp(one: Wanted, error: unknown): boolean {
    if (!(error instanceof DatabaseError)) return false;
    one.tries += error.driverCode === 'AFD_DEADLINE' ? 1 : 0;
    // It cost the connection, and would cost the next one too.
    const refused = error.fault === 'data' || error.driverCode === 'AFD_ANSWER_TOO_LONG';
    if (!refused && one.tries < MOST_TRIES) return false;
    const why = refused ? error.message : `it did not arrive within database.call_timeout in ${one.tries} tries`;
    one.reject(new Error(`The payload of ${one.payload_bytes} bytes cannot be fetched: ${why}`));
    return true;
  }
}
