// What main thread and liveness thread know of each other without a message: shared memory, so that it is read and
// written also while the main thread does not come to its event loop. The main thread writes that it lives and which
// attempts have begun; the liveness thread writes whether attempts may begin.
import { monotonic } from '../runtime/clock.ts';

/** How often the main thread writes that it lives. */
export const BEAT_MS = 250;

/** An attempt whose handler has begun, and whose end the database does not know yet. */
export interface Begun {
  task_id: number;
  attempt: number;
  /** Index of its type among the worker's handlers; -1 = none. */
  type: number;
  /** Its handler has ended; only its end is to be written. */
  ended: boolean;
  /** Monotonic ms of its begin, and of its timeout. */
  since: number;
  until: number;
}

const HEAD = { beat: 0, generation: 1, current: 2, overflow: 3, ending: 4 } as const;
const HEAD_WORDS = 8;
/** Words of one place: state, number of the attempt, type; one is spare. */
const PLACE_WORDS = 4;
const PLACE_NUMBERS = 3;
const [STATE, ATTEMPT, TYPE] = [0, 1, 2];
const [FREE, RUNNING, ENDED] = [0, 1, 2];
/** Ends that may wait for the database at the same time, in addition to the slots. */
const MORE_PLACES = 2048;

/**
 * Attempts begin only in the generation in which their claim was asked for. Even = open, odd = closed by the liveness
 * thread, because the main thread is silent. All accesses of `begin`, `generation` and `close` are sequentially
 * consistent: either the liveness thread, which closes first and then reads the places, sees that an attempt has begun,
 * or the main thread, which takes a place first and then reads the generation, sees that it may not begin.
 */
export class PulseBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** 0: when the process must have ended; then three of each place: task id, monotonic ms of its begin and of its timeout. */
  readonly #numbers: Float64Array;
  readonly #free: number[] = [];
  readonly #places: number;
  /** Main thread: monotonic ms of its last beat. */
  beatAt = monotonic();

  /** `from`: the slots of a new board, or the memory of one that another thread has made. */
  constructor(from: number | SharedArrayBuffer) {
    const words = (places: number) => HEAD_WORDS + PLACE_WORDS * places;
    this.#places =
      typeof from === 'number'
        ? from + MORE_PLACES
        : (from.byteLength - 4 * HEAD_WORDS - 8) / (4 * PLACE_WORDS + 8 * PLACE_NUMBERS);
    const bytes = 4 * words(this.#places);
    this.memory = typeof from === 'number' ? new SharedArrayBuffer(bytes + 8 + 8 * PLACE_NUMBERS * this.#places) : from;
    this.#words = new Int32Array(this.memory, 0, words(this.#places));
    this.#numbers = new Float64Array(this.memory, bytes);
    for (let place = this.#places - 1; place >= 0; place -= 1) this.#free.push(place);
  }

  /** Main thread: it came to its event loop. */
  beat(): void {
    this.beatAt = monotonic();
    Atomics.add(this.#words, HEAD.beat, 1);
  }

  /** Main thread: takes a place for an attempt that is about to begin; -1 = there is none left. */
  begin(taskId: number, attempt: number, type: number, until: number): number {
    const place = this.#free.pop();
    if (place === undefined) {
      Atomics.add(this.#words, HEAD.overflow, 1);
      return -1;
    }
    const number = 1 + PLACE_NUMBERS * place;
    this.#numbers[number] = taskId;
    this.#numbers[number + 1] = monotonic();
    this.#numbers[number + 2] = until;
    const at = HEAD_WORDS + PLACE_WORDS * place;
    this.#words[at + ATTEMPT] = attempt;
    this.#words[at + TYPE] = type;
    Atomics.store(this.#words, at + STATE, RUNNING);
    return place;
  }

  /** Main thread: the handler in that place is called now, and has not returned to the event loop; -1 = it has. */
  call(place: number): void {
    Atomics.store(this.#words, HEAD.current, place + 1);
  }

  /** Main thread: the handler has ended. The place is held until the database knows it. */
  ended(place: number): void {
    if (place >= 0) Atomics.store(this.#words, HEAD_WORDS + PLACE_WORDS * place + STATE, ENDED);
  }

  /** Main thread: the database has spoken about the attempt, or it is of no more concern. */
  release(place: number): void {
    if (place < 0) {
      Atomics.sub(this.#words, HEAD.overflow, 1);
      return;
    }
    Atomics.store(this.#words, HEAD_WORDS + PLACE_WORDS * place + STATE, FREE);
    this.#free.push(place);
  }

  /** Main thread: it was asked to stop, and the process must have ended by this monotonic time. */
  endBy(at: number): void {
    this.#numbers[0] = at;
    Atomics.store(this.#words, HEAD.ending, 1);
  }

  /** Both threads: even while attempts may begin; another number after each silence. */
  get generation(): number {
    return Atomics.load(this.#words, HEAD.generation);
  }

  get open(): boolean {
    return this.generation % 2 === 0;
  }

  /** Liveness thread: another number whenever the main thread came to its event loop. */
  get beats(): number {
    return Atomics.load(this.#words, HEAD.beat);
  }

  /** Liveness thread: from now on nothing begins. */
  close(): void {
    if (this.open) Atomics.add(this.#words, HEAD.generation, 1);
  }

  /** Liveness thread: what is claimed from now on may begin. */
  reopen(): void {
    if (!this.open) Atomics.add(this.#words, HEAD.generation, 1);
  }

  /** Liveness thread: monotonic ms by which the process must have ended; undefined = it was not asked to stop. */
  get endsBy(): number | undefined {
    return Atomics.load(this.#words, HEAD.ending) === 1 ? this.#numbers[0] : undefined;
  }

  /** Liveness thread: what has begun; undefined = not all of it found a place. */
  begun(): Begun[] | undefined {
    if (Atomics.load(this.#words, HEAD.overflow) > 0) return undefined;
    const begun: Begun[] = [];
    for (let place = 0; place < this.#places; place += 1) {
      const one = this.#at(place);
      if (one !== undefined) begun.push(one);
    }
    return begun;
  }

  /** Liveness thread: the attempt whose handler was called and has not returned to the event loop. */
  get current(): Begun | undefined {
    const place = Atomics.load(this.#words, HEAD.current) - 1;
    const one = place < 0 ? undefined : this.#at(place);
    return one?.ended === true ? undefined : one;
  }

  #at(place: number): Begun | undefined {
    const at = HEAD_WORDS + PLACE_WORDS * place;
    const state = Atomics.load(this.#words, at + STATE);
    if (state === FREE) return undefined;
    const [task_id = 0, since = 0, until = 0] = this.#numbers.subarray(1 + PLACE_NUMBERS * place);
    return {
      task_id,
      attempt: this.#words[at + ATTEMPT] ?? 0,
      type: this.#words[at + TYPE] ?? -1,
      ended: state === ENDED,
      since,
      until,
    };
  }
}
