import { isTransient } from '../../db/database-error.ts';
import { readCheckpoints } from '../../db/reports/read-checkpoints.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';

interface Wanted {
  task_id: number;
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
  read(task_id: number): Promise<string | undefined> {
    return new Promise((resolve, reject) => this.#wanted.push({ task_id, resolve, reject }));
  }

  /** Answers all who wait. After a transient error they wait for the next call. @throws DatabaseError */
  async serve(session: Session, names: TableNames): Promise<void> {
    while (this.#wanted.length > 0) {
      const some = this.#wanted.slice(0, MOST_AT_ONCE);
      const ids = some.map((one) => one.task_id);
      try {
        const found = await readCheckpoints(session, names, ids);
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
