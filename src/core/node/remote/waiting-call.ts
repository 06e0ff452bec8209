// The call that waits at a gateway for work and for news of the device. It is made anew where the gateway would otherwise not
// wake it for something that the main thread can take by now.
import type { WaitAnswer } from '../../../http/device-contract.ts';
import { isConnectionLost } from '../../db/database-error.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import type { Waiting } from './device-calls.ts';
import { isRoomier } from './remote-reports.ts';

const RECONNECT_MOST_MS = 1000;
/** What runs for longer should hear soon that it was revoked: then the call is made anew. */
const HELD_MS = 500;
/** After news of work: the main thread claims first, and mostly says by then what the next call is to tell. */
const CLAIM_MS = 20;

export interface WaitingCallOptions {
  ask(told: Waiting, signal: AbortSignal): Promise<WaitAnswer>;
  /** `at`: monotonic, when the call began. */
  take(answer: WaitAnswer, at: number): void;
  /** @throws what no gateway and no other try can cure */
  failed(error: unknown): void;
}

export class WaitingCall {
  readonly #o: WaitingCallOptions;
  #waiting: Waiting = { free: 0, without: [], held: 0 };
  #open: { told: Waiting; cut: AbortController } | undefined;
  #heldTimer: NodeJS.Timeout | undefined;
  #heard: (() => void) | undefined;

  constructor(options: WaitingCallOptions) {
    this.#o = options;
  }

  /** Ends the call that is open; another follows. */
  cut(): void {
    this.#open?.cut.abort();
  }

  /** The main thread says what the gateway is to know. */
  told({ free, without, held }: Waiting): void {
    this.#waiting = { free, without, held };
    this.#heard?.();
    const told = this.#open?.told;
    if (told === undefined) return;
    if (isRoomier(this.#waiting, told)) this.cut();
    else if (held > 0 && told.held === 0) this.#heldTimer ??= setTimeout(() => this.#heldFor(), HELD_MS);
  }

  /** One call after the other, until the signal is aborted. @throws what `take` and `failed` throw */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 20, maxMs: RECONNECT_MOST_MS });
    while (!signal.aborted) {
      const cut = new AbortController();
      const told = { ...this.#waiting };
      this.#open = { told, cut };
      try {
        const at = monotonic();
        const answer = await this.#o.ask(told, cut.signal);
        this.#open = undefined;
        this.#o.take(answer, at);
        backoff.reset();
        if (answer.work) await this.#claimed(signal);
      } catch (error) {
        // Cut by ourselves, to be made anew.
        if (cut.signal.aborted && isConnectionLost(error)) continue;
        this.#o.failed(error);
        await sleep(backoff.next(), signal);
      } finally {
        this.#open = undefined;
      }
    }
  }

  close(): void {
    clearTimeout(this.#heldTimer);
    this.cut();
  }

  async #claimed(signal: AbortSignal): Promise<void> {
    // Until the main thread has followed the news, the gateway does not repeat it.
    this.#waiting.free = 0;
    const heard = new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
    await sleep(CLAIM_MS, signal, heard);
    this.#heard = undefined;
  }

  #heldFor(): void {
    this.#heldTimer = undefined;
    if (this.#waiting.held > 0 && this.#open?.told.held === 0) this.cut();
  }
}
