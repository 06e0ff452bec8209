import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import { type LivenessCommand, type LivenessReport, type LivenessSettings, reviveReport } from './liveness-messages.ts';
import { BEAT_MS, PulseBoard } from './pulse-board.ts';

/** Node 20 starts no .ts file in a thread: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts') ? '../../../dist/core/node/liveness-thread.js' : './liveness-thread.js';

/** The other end of the liveness thread. */
export class LivenessClient {
  readonly #thread: Thread;
  /** What both threads know of each other. */
  readonly board: PulseBoard;
  readonly #ended: Promise<AfdError | undefined>;

  /**
   * Starts the thread; it registers the device and says so by a `registered` report. `onBeat` is called some times a
   * second while this thread comes to its event loop.
   */
  constructor(settings: LivenessSettings, onReport: (report: LivenessReport) => void, onBeat: () => void = () => {}) {
    this.board = new PulseBoard(settings.slots);
    const workerData: LivenessSettings = { ...settings, board: this.board.memory };
    this.#thread = new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), { workerData });
    const beating = setInterval(() => {
      this.board.beat();
      onBeat();
    }, BEAT_MS);
    beating.unref();
    this.#ended = new Promise((resolve) => {
      let outcome: AfdError | undefined;
      this.#thread.on('message', (raw: LivenessReport) => {
        const report = reviveReport(raw);
        if (report.kind === 'ended' && report.error !== undefined) {
          const { code, message, suggestions, data } = report.error;
          outcome = new AfdError(code as ErrorCode, message, { suggestions, data });
        }
        onReport(report);
      });
      this.#thread.on('error', (error) => {
        outcome = new AfdError('E_INTERNAL', `The liveness thread failed: ${String(error)}`, { cause: error });
      });
      this.#thread.on('exit', () => {
        clearInterval(beating);
        resolve(outcome);
      });
    });
  }

  send(command: LivenessCommand): void {
    this.#thread.postMessage(command);
  }

  /** Resolves when the thread is gone: undefined after a requested stop, else why it ended. */
  get ended(): Promise<AfdError | undefined> {
    return this.#ended;
  }
}
