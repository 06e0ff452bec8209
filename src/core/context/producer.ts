// What inserts tasks: one session of its own, and the rings that follow. Commands have one through their context.
import type { Config } from '../config/config-schema.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { InsertedTask } from '../db/tasks/insert-tasks.ts';
import type { IntoBatch } from '../domain/task/batch.ts';
import type { NewTask } from '../domain/task/task.ts';
import { type Near, Notifier } from '../ring/notifier.ts';
import { openRingSender } from '../ring/open-ring-sender.ts';
import { type BatchAdded, type EnqueueOptions, enqueueInto, enqueueTasks, type OwnedTasks } from './enqueue.ts';
import { HandledTypes } from './handled-types.ts';

/** What producers of one process may have in common. */
export interface SharedByProducers {
  notifier: Notifier;
  handled: HandledTypes;
}

/** `near`: devices that wait in this process. */
export function sharedByProducers(session: Session, names: TableNames, config: Config, near?: Near): SharedByProducers {
  const notifier = new Notifier(openRingSender(config, session.facts.localAddress), names, near);
  return { notifier, handled: new HandledTypes(names) };
}

export class Producer {
  readonly names: TableNames;
  readonly notifier: Notifier;
  readonly handled: HandledTypes;
  readonly #session: Session;
  readonly #config: Config;

  /** `session`: open, with `multiStatements`, and used by nothing else. `shared`: with other producers of this process. */
  constructor(session: Session, names: TableNames, config: Config, shared?: SharedByProducers) {
    this.#session = session;
    this.#config = config;
    this.names = names;
    const { notifier, handled } = shared ?? sharedByProducers(session, names, config);
    this.notifier = notifier;
    this.handled = handled;
  }

  /** The session, opened again if it was lost. @throws DatabaseError */
  async session(): Promise<Session> {
    await this.#session.ready();
    return this.#session;
  }

  /** Inserts all tasks or none and rings the devices that should run them. @throws as enqueueTasks */
  async enqueue(tasks: NewTask[], owned: OwnedTasks = {}): Promise<InsertedTask[]> {
    return this.#ringing(tasks, async (session, options) => ({
      tasks: await enqueueTasks(session, this.names, tasks, { ...options, ...owned }),
    })).then((added) => added.tasks);
  }

  /** The same into a batch. `by`: who makes it. @throws as enqueueInto */
  async enqueueInto(tasks: NewTask[], into: IntoBatch, by: string, owned: OwnedTasks = {}): Promise<BatchAdded> {
    return this.#ringing(tasks, (session, options) =>
      enqueueInto(session, this.names, tasks, { ...options, ...owned, into, by }),
    );
  }

  async #ringing<T extends { tasks: InsertedTask[] }>(
    tasks: NewTask[],
    insert: (session: Session, options: EnqueueOptions) => Promise<T>,
  ): Promise<T> {
    // A pipe that feeds us may be silent for longer than the server keeps an idle session.
    const session = await this.session();
    const notice = this.notifier.prepare(session, tasks);
    const maxRetryCount = this.#config.master.max_retry_count;
    try {
      // First of all: their claims take longer to come than this takes to be written.
      notice.expect();
      const { piggybacked } = notice;
      const added = await insert(session, { maxRetryCount, piggybacked });
      notice.ring(tasks.filter((_, n) => added.tasks[n]?.created === true));
      return added;
    } finally {
      notice.over();
    }
  }

  /** Rings for tasks that were put back. A failure only loses a hint, and their change stands: it is not reported. */
  async notifyAgain(taskIds: number[]): Promise<void> {
    await this.session()
      .then((session) => this.notifier.notifyAgain(session, taskIds))
      .catch(() => {});
  }

  /** Rings that are under way are waited for, 30 ms at most; the session is its owner's to close. */
  async close(): Promise<void> {
    await this.notifier.ringSender.close();
  }
}
