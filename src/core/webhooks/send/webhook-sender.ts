// Duty of the leader: sends what is due. Each webhook has its own turns, so that one that does not answer keeps no other waiting.
import type { Session } from '../../db/session.ts';
import { type Tried, writeTried } from '../../db/webhooks/deliveries.ts';
import { type DueDelivery, dueDeliveries } from '../../db/webhooks/read-deliveries.ts';
import type { ActiveWebhook } from '../../db/webhooks/webhook-rows.ts';
import type { DutySession } from '../../leader/duty/duty-session.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import { openSigning } from '../../secrets/signing-secret.ts';
import { type Network, networksOf } from './allowed-address.ts';
import { postWebhook } from './post-webhook.ts';
import { nextTryMs } from './retry-schedule.ts';
import { signedHeaders } from './signature.ts';

/** Deliveries of one webhook that are read at a time, and those of them that are under way. */
const MOST_READ = 100;
const MOST_AT_ONCE = 4;
/** A delivery that cannot be signed is looked at again after this time. */
const UNSIGNED_MS = 60_000;

export interface SenderOptions {
  duty: DutySession;
  /** `master.webhook_networks` */
  networks: string[];
  /** Opens the secrets that sign. */
  keyring: Keyring;
  /** Those that are active, as they were read last. */
  webhooks: () => ActiveWebhook[];
  warn(message: string): void;
  random?: () => number;
}

/** What is under way for a webhook. */
class Lane {
  webhook: ActiveWebhook;
  readonly queue: DueDelivery[] = [];
  /** The database's time in seconds since 1970, and the monotonic milliseconds, when the queue was read. */
  read = { at: 0, monotonic: 0 };
  busy = 0;
  /** The last try failed: one at a time until one goes well. */
  failing = false;
  /** Why nothing can be signed, as it was said last. */
  problem: string | undefined;

  constructor(webhook: ActiveWebhook) {
    this.webhook = webhook;
  }
}

export class WebhookSender {
  readonly #o: SenderOptions;
  readonly #networks: Network[];
  readonly #lanes = new Map<number, Lane>();
  /** Deliveries that were read, and whose rows do not say yet what became of them. */
  readonly #held = new Set<number>();
  readonly #closed = new AbortController();
  #tried: Array<Tried & { webhook: ActiveWebhook }> = [];
  #idle: Array<() => void> = [];

  constructor(options: SenderOptions) {
    this.#o = options;
    this.#networks = networksOf(options.networks);
  }

  /** Writes what became of the last ones, and begins the next; it waits for no answer. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ delivered: number; failed: number }> {
    const counts = await this.#write();
    const lanes = this.#follow(this.#o.webhooks());
    if (lanes.length > 0) {
      const { now, due } = await this.#o.duty.run((session) => this.#read(session, lanes));
      for (const one of due) this.#queue(one, now);
    }
    for (const lane of this.#lanes.values()) this.#next(lane);
    return counts;
  }

  /** For a process that does its duties once: waits for the answers too. @throws NotLeader, DatabaseError */
  async runToEnd(): Promise<{ delivered: number; failed: number }> {
    const begun = await this.runOnce();
    while ([...this.#lanes.values()].some((lane) => lane.busy > 0))
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    const ended = await this.#write();
    return { delivered: begun.delivered + ended.delivered, failed: begun.failed + ended.failed };
  }

  /** What is under way is broken off: the next leader sends it again. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const lane of this.#lanes.values()) lane.queue.length = 0;
    while ([...this.#lanes.values()].some((lane) => lane.busy > 0))
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Lanes for these webhooks alone. @returns those whose queues are empty */
  #follow(webhooks: ActiveWebhook[]): Lane[] {
    const active = new Map(webhooks.map((one) => [one.id, one]));
    for (const [id, lane] of this.#lanes) {
      if (active.has(id)) continue;
      this.#drop(lane);
      if (lane.busy === 0) this.#lanes.delete(id);
    }
    return webhooks.flatMap((webhook) => {
      const lane = this.#lanes.get(webhook.id) ?? new Lane(webhook);
      lane.webhook = webhook;
      this.#lanes.set(webhook.id, lane);
      return lane.queue.length === 0 ? lane : [];
    });
  }

  #read(session: Session, lanes: Lane[]): Promise<{ now: number; due: DueDelivery[] }> {
    const asked = lanes.map(({ webhook, failing, busy }) => {
      // What is under way is due as well.
      return { webhook_id: webhook.id, limit: failing ? 1 + busy : MOST_READ };
    });
    return dueDeliveries(session, this.#o.duty.names, asked);
  }

  #queue(delivery: DueDelivery, now: number): void {
    if (this.#held.has(delivery.id)) return;
    this.#held.add(delivery.id);
    const lane = this.#lanes.get(Number(delivery.webhook_id))!;
    lane.queue.push(delivery);
    lane.read = { at: now, monotonic: monotonic() };
  }

  #drop(lane: Lane): void {
    for (const { id } of lane.queue.splice(0)) this.#held.delete(id);
  }

  #next(lane: Lane): void {
    while (lane.busy < (lane.failing ? 1 : MOST_AT_ONCE)) {
      const delivery = lane.queue.shift();
      if (delivery === undefined) return;
      lane.busy += 1;
      void this.#send(lane, delivery).finally(() => {
        lane.busy -= 1;
        this.#next(lane);
        for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async #send(lane: Lane, delivery: DueDelivery): Promise<void> {
    const { random = Math.random } = this.#o;
    const { webhook, read } = lane;
    const { id, tries, body } = delivery;
    const secrets = await this.#secrets(lane);
    if (secrets === undefined) return this.#unsigned(lane, delivery);
    const timestamp = read.at + Math.floor((monotonic() - read.monotonic) / 1000);
    const posted = await postWebhook({
      ...{ url: webhook.url, body, networks: this.#networks, signal: this.#closed.signal },
      headers: {
        ...signedHeaders(secrets, { id: `msg_${id}`, timestamp, body }),
        'user-agent': 'afd',
      },
    });
    if (this.#closed.signal.aborted) return;
    const { code, error, ms } = posted;
    lane.failing = error !== null;
    // The rest waits for the next round, which reads one.
    if (lane.failing) this.#drop(lane);
    const again_in_ms = error === null ? null : nextTryMs(tries + 1, posted.retryAfterS, random);
    const status = error === null ? 'delivered' : again_in_ms === null ? 'failed' : 'pending';
    this.#tried.push({ webhook, id, tries, sent: true, status, again_in_ms, code, error, ms });
  }

  /** Undefined = one of them does not open here, which is a warning once. */
  async #secrets(lane: Lane): Promise<string[] | undefined> {
    const { id, url, secrets } = lane.webhook;
    const opened: string[] = [];
    for (const { version, stored } of secrets) {
      const one = await openSigning(this.#o.keyring, { id, version }, stored);
      if ('secret' in one) {
        opened.push(one.secret);
        continue;
      }
      if (lane.problem !== one.problem)
        this.#o.warn(`Webhook ${id} (${url}): nothing is sent, and what is due is kept. ${one.problem}`);
      lane.problem = one.problem;
      return undefined;
    }
    lane.problem = undefined;
    return opened;
  }

  /** It keeps all its tries: another leader may have the key, or this one may get it. */
  #unsigned(lane: Lane, { id, tries }: DueDelivery): void {
    lane.failing = true;
    this.#drop(lane);
    const later = { sent: false, status: 'pending', again_in_ms: UNSIGNED_MS, code: null, ms: 0 } as const;
    this.#tried.push({ webhook: lane.webhook, id, tries, ...later, error: lane.problem! });
  }

  async #write(): Promise<{ delivered: number; failed: number }> {
    const tried = this.#tried.splice(0);
    if (tried.length === 0) return { delivered: 0, failed: 0 };
    const { duty, warn } = this.#o;
    try {
      await duty.fenced((session) => writeTried(session, duty.names, tried));
    } catch (error) {
      this.#tried.unshift(...tried);
      throw error;
    }
    for (const { id } of tried) this.#held.delete(id);
    const failed = tried.filter((one) => one.error !== null);
    const [last] = failed.filter((one) => one.status === 'failed');
    if (last !== undefined)
      warn(
        `Webhook ${last.webhook.id} (${last.webhook.url}): delivery ${last.id} has failed ${last.tries + 1} times and is not sent again: ${last.error}. Send it with POST /api/v1/webhooks/${last.webhook.id}/deliveries/${last.id}/redeliver`,
      );
    return { delivered: tried.length - failed.length, failed: failed.length };
  }
}
