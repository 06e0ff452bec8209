// Asks for work and hands over the results, through one port, one transaction at a time. Whatever fails here
// leaves the finishes in the queue: they are sent again until each is taken or refused.
import { DatabaseError, isOutcomeUnknown, isTransient } from '../../db/database-error.ts';
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { AfdError } from '../../domain/errors.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import type { ExchangeResult, PlannedClaim } from '../port/work-port.ts';
import type { ClaimerOptions } from './claimer-options.ts';
import { EndCoalescer } from './end-coalescer.ts';
import { enqueues, FinishQueue } from './finish-queue.ts';
import { recordStarts } from './record-starts.ts';
import { Trouble } from './trouble.ts';

/** Stopped, it writes what has ended, and claims nothing. @throws (finished) what no repetition and no row can cure */
export class Claimer<C extends PlannedClaim, R extends ExchangeResult> extends Service {
  private readonly options: ClaimerOptions<C, R>;
  readonly #queue = new FinishQueue();
  readonly #coalescer: EndCoalescer;
  /** Tokens of claims whose COMMIT may or may not have happened. */
  readonly #unknown: Buffer[] = [];
  readonly #inFlight = new Set<string>();
  #claiming = true;
  #stopped = false;
  #wake: (() => void) | undefined;
  #woken = false;
  readonly #trouble: Trouble;

  constructor(options: ClaimerOptions<C, R>) {
    super();
    this.options = options;
    this.#trouble = new Trouble(options.events);
    this.#coalescer = new EndCoalescer({ ...options, queue: this.#queue });
    options.payloads.onWanted = () => this.#interrupt(true);
  }

  /** Writes how an attempt ended, with the next transaction. */
  finish(finish: Finish): void {
    this.#queue.push(finish);
    this.#coalescer.queued();
    this.#interrupt();
  }

  /**
   * True when an open attempt that does not run here is known all the same: its claim is under way, its end waits to be
   * written, cannot be written, or was written after `seenAt` (monotonic), when the list it stands in was read.
   */
  holds(one: { task_id: number; claim_token: Buffer }, seenAt: number): boolean {
    return this.#inFlight.has(one.claim_token.toString('hex')) || this.#queue.knows(attemptKey(one), seenAt);
  }

  get unwritten(): number {
    return this.#queue.length;
  }

  set claiming(value: boolean) {
    this.#claiming = value;
    this.wake();
  }

  /** Something may have changed for the next claim: a slot is free, or a ring or a poll found work. `hurry`: ends wait for no others. */
  wake(hurry = false): void {
    this.options.planner.news();
    this.#interrupt(hurry);
  }

  #interrupt(hurry = false): void {
    if (hurry) this.#coalescer.hurry();
    this.#woken = true;
    this.#wake?.();
  }

  /** Leaves at once, with what is unwritten: the others take it back. */
  abandon(): void {
    this.#queue.clear();
    void this.stop();
  }

  get #over(): boolean {
    return this.#stopped && this.#queue.length === 0;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const over = () => {
      this.#stopped = true;
      this.#claiming = false;
      this.options.payloads.close();
      this.#coalescer.gatherNoMore();
      this.wake();
    };
    signal.addEventListener('abort', over, { once: true });
    running();
    const backoff = new Backoff({ initialMs: 20, maxMs: 1000 });
    while (!this.#over) {
      this.#woken = false;
      try {
        const busy = await this.#exchange();
        await this.options.payloads.serve(this.options.work);
        await recordStarts(this.options);
        backoff.reset();
        this.#trouble.over();
        if (!busy) await this.#rest();
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.fault === 'statement') throw error;
        this.#trouble.met(error);
        // What has rolled back, and is known to have, needs no other connection.
        const usable = error.retry === 'transaction' && !isOutcomeUnknown(error);
        if (!usable) this.options.work.cut();
        await sleep(backoff.next());
        if (!usable) await this.#reconnect(backoff);
      }
    }
  }

  /** One transaction, if there is anything to say or to ask. False = there was not, or it came to nothing. */
  async #exchange(): Promise<boolean> {
    await this.#coalescer.wait();
    const { planner } = this.options;
    const request = this.#claiming && !this.#queue.isolating ? planner.next() : undefined;
    if (this.#queue.length === 0 && request === undefined) return false;
    // While it searches for the row that the server refuses, ends and claims do not share a transaction.
    const batch = request?.alone === true ? [] : this.#queue.nextBatch();
    // Follow-up tasks are inserted in a transaction without a claim: it may wait for another inserter's key.
    const apart = batch.some(enqueues) || this.#queue.isolating;
    const claim = apart ? undefined : request;
    const token = claim?.claim_token.toString('hex') ?? '';
    if (claim !== undefined) this.#inFlight.add(token);
    const began = monotonic();
    let result: R | undefined;
    try {
      result = await this.#transact(batch, claim);
    } catch (error) {
      if (claim !== undefined && isOutcomeUnknown(error)) this.#unknown.push(claim.claim_token);
      else this.#inFlight.delete(token);
      if (claim !== undefined) planner.failed(claim, error);
      throw error;
    }
    // Answered: whatever fails from here on, this claim is known, and must not be recovered.
    this.#inFlight.delete(token);
    if (claim === undefined || result === undefined) return true;
    this.options.onExchange({ began, asked: claim.limit, claimed: result.claimed });
    return (await planner.learn(claim, result)) || batch.length > 0;
  }

  /** Undefined = the server refused a value of some row; which one is found later. @throws DatabaseError, AfdError */
  async #transact(batch: Finish[], claim: C | undefined): Promise<R | undefined> {
    const { work, planner, poller, runner } = this.options;
    await work.ready();
    try {
      const result = await work.exchange(batch, claim);
      this.#queue.written(batch);
      if (batch.some(enqueues)) poller.discoverNow();
      if (claim !== undefined && result.claimed.length > 0) {
        poller.hit();
        runner.begin(result.claimed, claim.claim_token, planner.generation);
      }
      for (const one of result.reconciled) this.options.onReconciled(one);
      this.options.onPermission(result.permission);
      return result;
    } catch (error) {
      const bug = error instanceof AfdError && ['E_INTERNAL', 'E_SUPERSEDED', 'E_FORBIDDEN'].includes(error.code);
      // What is no error of the database came from a task to enqueue: that end alone is to blame.
      if (bug || (error instanceof DatabaseError && error.fault !== 'data')) throw error;
      if (claim === undefined) this.#refused(batch, error as Error);
      else await planner.refused(claim, error as Error, batch.length > 0);
      return undefined;
    }
  }

  #refused(batch: Finish[], error: Error): void {
    const refusal = this.#queue.refused(batch, error);
    if (refusal === undefined) return;
    this.options.events.emit('warning', { message: refusal.message });
    if (refusal.dropped)
      this.options.onReconciled({ kind: 'lost', finish: refusal.culprit, reason: 'its result could not be stored' });
  }

  async #reconnect(backoff: Backoff): Promise<void> {
    const { work, runner, planner } = this.options;
    while (!this.#over) {
      try {
        await work.ready();
        const tokens = [...this.#unknown];
        for (const one of tokens.length === 0 ? [] : await work.recover(tokens)) {
          const attempt = { task_id: one.id, claim_token: one.claim_token };
          if (!this.#queue.has(attemptKey(attempt))) runner.begin([one], one.claim_token, planner.generation);
        }
        for (const token of tokens) this.#inFlight.delete(token.toString('hex'));
        this.#unknown.splice(0, tokens.length);
        return;
      } catch (error) {
        if (!isTransient(error)) throw error;
        work.cut();
        await sleep(backoff.next());
      }
    }
  }

  /** Sleeps until woken or until the next poll is due; meanwhile keeps the connection from its idle timeout. */
  async #rest(): Promise<void> {
    const { work, poller, planner, attempts } = this.options;
    // A poll comes sooner, as a rule: one in ten ticks is left to this session.
    const warm = work.keepAliveMs;
    const nextPoll = this.#claiming && planner.free > 0 ? poller.nextPollMs() : Number.POSITIVE_INFINITY;
    this.options.onIdle();
    if (this.#woken) return;
    const cut = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const start = attempts.nextStartMs();
    const again = this.#claiming ? planner.againMs : Number.POSITIVE_INFINITY;
    await sleep(Math.min(warm, nextPoll, start, again), undefined, cut);
    this.#wake = undefined;
    if (this.#woken || Math.min(start, again) <= Math.min(warm, nextPoll)) return;
    if (nextPoll <= warm) {
      await work.ready();
      await poller.poll();
    } else await work.keepAlive();
  }
}
