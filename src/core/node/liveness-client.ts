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

/** What the client uses of a thread. */
export interface LivenessThread {
  postMessage(command: LivenessCommand | typeof STOP): void;
  on(event: 'message', listener: (report: LivenessReport) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
}

/**
 * The other end of the liveness thread. It runs when the device is registered; `finished` rejects with the AfdError for
 * which the thread ended.
 */
export class LivenessClient extends Service {
  /** A test that is not about the thread puts something cheaper in its place. */
  static open = (workerData: LivenessSettings): LivenessThread =>
    new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), { workerData });
  readonly #settings: LivenessSettings;
  readonly #onReport: (report: LivenessReport) => void;
  readonly #onBeat: () => void;
  /** What both threads know of each other. */
  readonly board: PulseBoard;
  #thread: LivenessThread | undefined;

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
    const thread = LivenessClient.open(workerData);
    this.#thread = thread;
    signal.addEventListener('abort', () => thread.postMessage(STOP), { once: true });
    const beating = setInterval(() => {
      this.board.beat();
      this.#onBeat();
    }, BEAT_MS);
    beating.unref();
    let failure: AfdError | undefined;
    thread.on('message', (raw) => {
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
