import { checkpointOf } from '../../domain/attempt/report.ts';

/** One value that is to be stored. */
export interface WantedCheckpoint {
  version: number;
  value: unknown;
}

/**
 * The checkpoints of one attempt, of which only the last one counts. While one is being stored, later ones replace each
 * other; all callers get one promise, which resolves when the last of their values is stored. So nothing grows.
 */
export class LatestCheckpoint {
  #wanted: WantedCheckpoint = { version: 0, value: null };
  #open: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined;
  #closed: Error | undefined;

  /** Rejects what cannot be stored at once; that does not touch an earlier value. */
  write(value: unknown): Promise<void> {
    const checked = checkpointOf(value);
    const refused = 'problem' in checked ? new Error(checked.problem) : this.#closed;
    if (refused !== undefined || 'problem' in checked) return Promise.reject(refused);
    this.#wanted = { version: this.#wanted.version + 1, value: checked.value };
    this.#open ??= opened();
    return this.#open.promise;
  }

  /** Undefined = everything is stored or refused. */
  get wanted(): WantedCheckpoint | undefined {
    return this.#open === undefined ? undefined : this.#wanted;
  }

  /** This version is in the database. */
  stored(version: number): void {
    if (version !== this.#wanted.version) return;
    this.#open?.resolve();
    this.#clear();
  }

  /** What waits is not stored. */
  refuse(error: Error): void {
    this.#open?.reject(error);
    this.#clear();
  }

  /** Nothing can be stored any more, because of this. */
  close(error: Error): void {
    this.#closed ??= error;
    this.refuse(error);
  }

  #clear(): void {
    this.#open = undefined;
    this.#wanted = { version: this.#wanted.version, value: null };
  }
}

function opened() {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  return { promise, resolve, reject };
}
