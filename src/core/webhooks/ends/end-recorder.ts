// Duty of the leader: each end of a task becomes a delivery for each webhook that wants it.
import type { Session } from '../../db/session.ts';
import { insertDeliveries, type NewDelivery } from '../../db/webhooks/deliveries.ts';
import { type EndCursors, moveCursors, readCursors } from '../../db/webhooks/end-cursors.ts';
import { type ActiveWebhook, activeWebhooks } from '../../db/webhooks/webhook-rows.ts';
import type { DutySession } from '../../leader/duty/duty-session.ts';
import { monotonic } from '../../runtime/clock.ts';
import { type EndEvent, wants } from './end-event.ts';
import { EndReader } from './end-reader.ts';

/** Reads of one round: what an outage has left is caught up over some rounds. */
const MOST_READS = 20;
/** Deliveries of one INSERT. */
const MOST_WRITTEN = 500;
/** The cursors alone are written this often: another leader reads again what is behind them, and writes nothing twice. */
const CURSOR_MS = 10_000;

export class EndRecorder {
  readonly #duty: DutySession;
  #webhooks: ActiveWebhook[] = [];
  #reader: EndReader | undefined;
  #written: EndCursors | undefined;
  #writtenAt = 0;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** Those that are active, as they were read last. */
  get webhooks(): ActiveWebhook[] {
    return this.#webhooks;
  }

  /** One statement while no webhook is active. @throws NotLeader, DatabaseError: then the next round begins at the stored cursors */
  async runOnce(): Promise<{ recorded: number }> {
    let recorded = 0;
    try {
      for (let n = 0; n < MOST_READS; n += 1) {
        const read = await this.#duty.run((session) => this.#read(session));
        if (read === undefined) break;
        recorded += await this.#write(read.webhooks, read.ended);
        if (!read.more) break;
      }
    } catch (error) {
      this.#reader = undefined;
      throw error;
    }
    return { recorded };
  }

  async #read(session: Session) {
    const { names } = this.#duty;
    const webhooks = await activeWebhooks(session, names);
    this.#webhooks = webhooks;
    if (webhooks.length === 0) {
      this.#reader = undefined;
      return undefined;
    }
    if (this.#reader === undefined) {
      this.#written = await readCursors(session, names);
      this.#reader = new EndReader(names, this.#written ?? { attempts: 0, ends: 0 });
    }
    return { webhooks, ...(await this.#reader.round(session, monotonic())) };
  }

  async #write(webhooks: ActiveWebhook[], ended: EndEvent[]): Promise<number> {
    const deliveries = ended.flatMap((end) =>
      webhooks.filter((one) => wants(one, end)).map((one): NewDelivery => deliveryOf(one, end)),
    );
    const cursors = this.#reader!.cursors;
    const moved = cursors.attempts !== this.#written?.attempts || cursors.ends !== this.#written?.ends;
    if (deliveries.length === 0 && !(moved && monotonic() - this.#writtenAt >= CURSOR_MS)) return 0;
    const { names } = this.#duty;
    const recorded = await this.#duty.fenced(async (session) => {
      let written = 0;
      for (let at = 0; at < deliveries.length; at += MOST_WRITTEN)
        written += (await insertDeliveries(session, names, deliveries.slice(at, at + MOST_WRITTEN))).written;
      await moveCursors(session, names, cursors);
      return written;
    });
    this.#written = cursors;
    this.#writtenAt = monotonic();
    return recorded;
  }
}

function deliveryOf({ id }: ActiveWebhook, { source, source_id, type, task_id, body }: EndEvent): NewDelivery {
  return { webhook_id: id, source, source_id, event_type: type, task_id, body };
}
