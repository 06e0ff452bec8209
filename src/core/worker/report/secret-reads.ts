import { isTransient } from '../../db/database-error.ts';
import type { FoundSecret } from '../../secrets/find-secrets.ts';
import type { ReportPort, SecretRequest } from '../port/report-port.ts';

interface Wanted extends SecretRequest {
  resolve(found: FoundSecret[]): void;
  reject(error: Error): void;
}

/** Secrets that attempts wait for before their handlers begin. */
export class SecretReads {
  readonly #wanted: Wanted[] = [];

  get waiting(): number {
    return this.#wanted.length;
  }

  /** @throws Error when they cannot be read */
  read(request: SecretRequest): Promise<FoundSecret[]> {
    return new Promise((resolve, reject) => this.#wanted.push({ ...request, resolve, reject }));
  }

  /** Answers all who wait, each by a statement of its own. After a transient error the rest waits for the next call. @throws DatabaseError */
  async serve(port: Pick<ReportPort, 'secrets'>): Promise<void> {
    for (let one = this.#wanted[0]; one !== undefined; one = this.#wanted[0]) {
      try {
        one.resolve(await port.secrets(one));
      } catch (error) {
        if (isTransient(error)) throw error;
        one.reject(new Error(`The secrets of the task cannot be read: ${(error as Error).message}`));
      }
      this.#wanted.shift();
    }
  }

  /** Nobody is answered any more. */
  close(): void {
    for (const one of this.#wanted.splice(0)) one.reject(new Error('The worker has stopped.'));
  }
}
