import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import { Service } from '../runtime/service.ts';
import {
  type LivenessCommand,
  type LivenessReport,
  type LivenessSettings,
  reviveReport,
  STOP,
} from './liveness-messages.ts';
import { BEAT_MS, PulseBoard } from './pulse-board.ts';

/** Node 20 starts no .ts file in a thread: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? '../../../dist/core/node/thread/liveness-thread.js'
  : './thread/liveness-thread.js';

/**
 * The other end of the liveness thread. It runs when the device is registered; `finished` rejects with the AfdError for
 * which the thread ended.
 */
export class LivenessClient extends Service {
  readonly #settings: LivenessSettings;
  readonly #onReport: (report: LivenessReport) => void;
  readonly #onBeat: () => void;
  /** What both threads know of each other. */
  readonly board: PulseBoard;
  #thread: Thread | undefined;

  /**
   * `onReport`: gets `registered` before `start()` resolves. `onBeat` is called some times a second while this thread
   * comes to its event loop.
   */
  constructor(settings: LivenessSettings, onReport: (report: LivenessReport) => void, onBeat: () => void = () => {}) {
    super();
    this.#settings = settings;
    this.#onReport = onReport;
    this.#onBeat = onBeat;
    this.board = new PulseBoard(settings.slots);
  }

  /** Nothing before the start and after the end. */
  send(command: LivenessCommand): void {
    this.#thread?.postMessage(command);
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const workerData: LivenessSettings = { ...this.#settings, board: this.board.memory };
    const thread = new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), { workerData });
    this.#thread = thread;
    signal.addEventListener('abort', () => thread.postMessage(STOP), { once: true });
    const beating = setInterval(() => {
      this.board.beat();
      this.#onBeat();
    }, BEAT_MS);
    beating.unref();
    let failure: AfdError | undefined;
    thread.on('message', (raw: LivenessReport) => {
      const report = reviveReport(raw);
      if (report.kind === 'failed') {
        const { code, message, suggestions, data } = report.error;
        failure = new AfdError(code as ErrorCode, message, { suggestions, data });
      }
      this.#onReport(report);
      if (report.kind === 'registered') running();
    });
    thread.on('error', (error) => {
      failure = new AfdError('E_INTERNAL', `The liveness thread failed: ${String(error)}`, { cause: error });
    });
    await new Promise<void>((resolve) => {
      thread.on('exit', () => resolve());
    });
    clearInterval(beating);
    if (failure !== undefined) throw failure;
  }
}
