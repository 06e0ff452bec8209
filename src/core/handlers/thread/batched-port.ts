/** What carries messages to a thread (a MessagePort) or to a process (its IPC channel). */
export interface Channel {
  postMessage(text: string): void;
}

/**
 * Sends what is said in one turn of the event loop as one message: waking a thread costs more than most messages do. As
 * JSON, which takes half the time of structured clone for values as small as these. `plain` makes an item writable that
 * is not (a log line's fields may hold anything).
 */
export class BatchedPort<T> {
  readonly #port: Channel;
  readonly #plain: (item: T) => T;
  #waiting: T[] = [];
  #armed = false;

  constructor(port: Channel, plain: (item: T) => T = (item) => item) {
    this.#port = port;
    this.#plain = plain;
  }

  push(item: T): void {
    this.#waiting.push(item);
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => this.flush());
  }

  /** Sends at once what waits. */
  flush(): void {
    this.#armed = false;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#port.postMessage(this.#write(batch));
  }

  #write(batch: T[]): string {
    try {
      return JSON.stringify(batch);
    } catch {
      return JSON.stringify(batch.map(this.#plain));
    }
  }
}

/** What a BatchedPort sent. */
export function readBatch<T>(message: unknown): T[] {
  return JSON.parse(message as string) as T[];
}
