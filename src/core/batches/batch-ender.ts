// Duty of the leader: says of each sealed batch when it ends, once, and tells the webhooks. It asks the batches, not the tasks that end:
// a task may end without an attempt, be deleted by another program, or end while there is no leader, and a batch may have no task at all.
import { countBatches } from '../db/batches/batch-counts.ts';
import { readBatches } from '../db/batches/batch-rows.ts';
import { type UnendedBatch, type UnendedPlace, unendedBatches } from '../db/batches/unended-batches.ts';
import { endBatches } from '../db/batches/write-batch.ts';
import type { Session } from '../db/session.ts';
import { insertDeliveries } from '../db/webhooks/deliveries.ts';
import { activeWebhooks } from '../db/webhooks/webhook-rows.ts';
import { openTasks } from '../domain/task/batch.ts';
import type { DutySession } from '../leader/duty/duty-session.ts';
import { deliveriesOf } from './batch-event.ts';

/** Batches of one read, and reads of one round: what it does not come to, the next round begins with. */
const MOST_READ = 500;
const MOST_READS = 4;
/** Batches of one transaction: each is counted in it. */
const MOST_ENDED = 10;

export class BatchEnder {
  readonly #duty: DutySession;
  #after: UnendedPlace | undefined;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** One statement while no batch waits for its end. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ ended: number }> {
    const { names } = this.#duty;
    let ended = 0;
    for (let n = 0; n < MOST_READS; n += 1) {
      const place = { after: this.#after, limit: MOST_READ };
      const read = await this.#duty.run((session) => unendedBatches(session, names, place));
      ended += await this.#end(read.filter((one) => one.open_task === null));
      const last = read.length < MOST_READ ? undefined : read.at(-1);
      this.#after = last && { sealed_at: last.sealed_at, id: last.id };
      if (last === undefined) break;
    }
    return { ended };
  }

  async #end(batches: UnendedBatch[]): Promise<number> {
    let ended = 0;
    for (let at = 0; at < batches.length; at += MOST_ENDED) {
      const ids = batches.slice(at, at + MOST_ENDED).map((one) => Number(one.id));
      ended += await this.#duty.fenced((session) => this.#write(session, ids));
    }
    return ended;
  }

  async #write(session: Session, ids: number[]): Promise<number> {
    const { names } = this.#duty;
    // First of all, so that the webhooks are those of a moment before the end.
    const webhooks = await activeWebhooks(session, names);
    const counts = new Map((await countBatches(session, names, ids)).map((one, n) => [ids[n]!, one]));
    // An operator may have retried a task of it since.
    const ended = await endBatches(
      session,
      names,
      ids.filter((id) => openTasks(counts.get(id)!) === 0),
    );
    const batches = await readBatches(session, names, ended);
    await insertDeliveries(
      session,
      names,
      batches.flatMap((one) => deliveriesOf(webhooks, one, counts.get(one.batch_id)!)),
    );
    return ended.length;
  }
}
