// Tasks that are added part by part, each part in a transaction of its own, all into one batch: it is made with the first part, and sealed
// after the last one.
import type { Producer } from '../context/producer.ts';
import { sealBatch } from '../db/batches/write-batch.ts';
import type { InsertedTask } from '../db/tasks/insert-tasks.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { IntoBatch } from '../domain/task/batch.ts';
import type { NewTask } from '../domain/task/task.ts';

export interface BatchAsked {
  into: IntoBatch;
  /** With the id of a batch: seal it at the end. */
  seal?: boolean | undefined;
  by: Pick<Actor, 'label' | 'reason'>;
}

export class BatchOfInput {
  readonly #producer: Producer;
  readonly #asked: BatchAsked | undefined;
  #id: number | null;

  /** `asked` undefined = into no batch. */
  constructor(producer: Producer, asked: BatchAsked | undefined) {
    this.#producer = producer;
    this.#asked = asked;
    this.#id = asked !== undefined && 'batch_id' in asked.into ? asked.into.batch_id : null;
  }

  /** Null = there is none, or it is not made yet. */
  get id(): number | null {
    return this.#id;
  }

  /** @throws as Producer.enqueueInto */
  async add(tasks: NewTask[]): Promise<InsertedTask[]> {
    if (this.#asked === undefined) return this.#producer.enqueue(tasks);
    const { into, by } = this.#asked;
    const next = this.#id === null ? { ...into, open: true } : { batch_id: this.#id };
    const added = await this.#producer.enqueueInto(tasks, next, saidBy(by));
    this.#id = added.batch_id;
    return added.tasks;
  }

  /** There is nothing more to add. @throws DatabaseError */
  async end(): Promise<void> {
    if (this.#asked === undefined) return;
    // Nothing was added: the batch is empty, and its end is sent all the same.
    if (this.#id === null) await this.add([]);
    const { into, seal } = this.#asked;
    const open = 'name' in into ? into.open : seal !== true;
    if (!open) await sealBatch(await this.#producer.session(), this.#producer.names, this.#id!);
  }
}
