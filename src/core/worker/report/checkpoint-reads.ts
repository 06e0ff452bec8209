import { isTransient } from '../../db/database-error.ts';
import type { ReportPort } from '../port/report-port.ts';
import type { HeldClaim } from '../port/work-port.ts';

interface Wanted extends HeldClaim {
  resolve(text: string | undefined): void;
  reject(error: Error): void;
}

/** Tasks of one statement: 64 KB each. */
const MOST_AT_ONCE = 16;

/** Checkpoints that attempts wait for before their handlers begin. */
export class CheckpointReads {
  readonly #wanted: Wanted[] = [];

  get waiting(): number {
    return this.#wanted.length;
  }

  /** JSON text; undefined = there is none. @throws Error when it cannot be read */
  read({ task_id, claim_token }: HeldClaim): Promise<string | undefined> {
    return new Promise((resolve, reject) => this.#wanted.push({ task_id, claim_token, resolve, reject }));
  }

  /** Answers all who wait. After a transient error they wait for the next call. @throws DatabaseError */
  async serve(port: Pick<ReportPort, 'checkpoints'>): Promise<void> {
    while (this.#wanted.length > 0) {
      const some = this.#wanted.slice(0, MOST_AT_ONCE);
      try {
        const found = await port.checkpoints(some);
        for (const one of some) one.resolve(found.get(one.task_id));
      } catch (error) {
        if (isTransient(error)) throw error;
        const message = `The checkpoint of an earlier attempt cannot be read: ${(error as Error).message}`;
        for (const one of some) one.reject(new Error(message));
      }
      this.#wanted.splice(0, some.length);
    }
  }

  /** Nobody is answered any more. */
  close(): void {
    for (const one of this.#wanted.splice(0)) one.reject(new Error('The worker has stopped.'));
  }
}
