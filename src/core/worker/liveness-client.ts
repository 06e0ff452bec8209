import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import { type LivenessCommand, type LivenessReport, type LivenessSettings, reviveReport } from './liveness-messages.ts';

/** Node 20 starts no .ts file in a thread: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts') ? '../../../dist/core/worker/liveness-thread.js' : './liveness-thread.js';

/** The other end of the liveness thread. */
export class LivenessClient {
  readonly #thread: Thread;
  readonly #ended: Promise<AfdError | undefined>;

  /** Starts the thread; it registers the device and says so by a `registered` report. */
  constructor(settings: LivenessSettings, onReport: (report: LivenessReport) => void) {
    this.#thread = new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), { workerData: settings });
    this.#ended = new Promise((resolve) => {
      let outcome: AfdError | undefined;
      this.#thread.on('message', (raw: LivenessReport) => {
        const report = reviveReport(raw);
        if (report.kind === 'ended' && report.error !== undefined) {
          const { code, message, suggestions } = report.error;
          outcome = new AfdError(code as ErrorCode, message, { suggestions });
        }
        onReport(report);
      });
      this.#thread.on('error', (error) => {
        outcome = new AfdError('E_INTERNAL', `The liveness thread failed: ${String(error)}`, { cause: error });
      });
      this.#thread.on('exit', () => resolve(outcome));
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
