// One reader for all streams of a gateway: what they cost the database does not depend on their number.
import { randomBytes } from 'node:crypto';
import type { Context } from '../../context/context.ts';
import { AfdError } from '../../domain/errors.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import { type ChangeFilter, fits, type NumberedChange } from './change.ts';
import { ChangeReader } from './change-reader.ts';

export interface Listener {
  changes(some: NumberedChange[]): void;
  /** Nothing has changed for a while, and it should be seen that the stream lives. */
  beat(): void;
  /** The gateway stops. */
  end(): void;
}

export interface Listening {
  /** Id of the stream as it is now: what follows has higher ones. */
  position: string;
  as_of: string;
  /** What followed the id that was given. */
  missed: NumberedChange[];
  /** Why what followed that id cannot be told. */
  resync: 'too_old' | 'other_gateway' | undefined;
  close(): void;
}

/** Runs work with a session of the gateway. */
type Use = <T>(work: (context: Context) => Promise<T>) => Promise<T>;

export interface HubLimits {
  /** Milliseconds between two reads. */
  roundMs: number;
  beatMs: number;
  /** Changes that are kept for those who come back. */
  kept: number;
  /** Reading goes on for this long without a listener: one that lost its connection comes back to where it was. */
  lingerMs: number;
  listeners: number;
}

const LIMITS: HubLimits = { roundMs: 1000, beatMs: 15_000, kept: 10_000, lingerMs: 60_000, listeners: 5000 };

interface Entry {
  filter: ChangeFilter;
  listener: Listener;
}

/** Reads while somebody listens, about one batch a second. */
export class ChangeHub extends Service {
  readonly #context: Context;
  readonly #use: Use;
  /** Of this process: ids of another one mean nothing here. */
  readonly #run = randomBytes(4).toString('hex');
  readonly #name: () => string;
  readonly #limits: HubLimits;
  readonly #entries = new Set<Entry>();
  #reader: ChangeReader | undefined;
  #kept: NumberedChange[] = [];
  #sequence = 0;
  /** What follows this is kept. */
  #floor = 0;
  #asOf = '';
  #round: Promise<void> | undefined;
  #leftAt = 0;
  #beatAt = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  /** `name`: the device id of the gateway. */
  constructor(context: Context, use: Use, name: () => string, limits: Partial<HubLimits> = {}) {
    super();
    this.#context = context;
    this.#use = use;
    this.#name = name;
    this.#limits = { ...LIMITS, ...limits };
  }

  get listeners(): number {
    return this.#entries.size;
  }

  /** False = nobody listens, so the database is not asked. */
  get reading(): boolean {
    return this.#reader !== undefined;
  }

  /** Id of a place in the stream. */
  idOf(sequence: number): string {
    return `${this.#name()}.${this.#run}:${sequence}`;
  }

  /**
   * `lastId`: of the last event that the listener has seen, perhaps of another gateway.
   * @throws AfdError E_TEMPORARY while the gateway stops, and when too many listen; DatabaseError when nothing can be read
   */
  async listen(filter: ChangeFilter, lastId: string | undefined, listener: Listener): Promise<Listening> {
    if (this.#entries.size >= this.#limits.listeners)
      throw new AfdError(
        'E_TEMPORARY',
        `${this.#limits.listeners} streams of changes are open on this gateway already.`,
      );
    if (this.#ended) throw new AfdError('E_TEMPORARY', 'The gateway is stopping.');
    const entry = { filter, listener };
    const close = () => {
      if (this.#entries.delete(entry) && this.#entries.size === 0) this.#leftAt = monotonic();
    };
    if (this.#reader === undefined) {
      // The place from which this listener receives changes.
      this.#leftAt = monotonic();
      await (this.#round ?? this.#once());
    }
    const { missed, resync } = this.#since(lastId);
    this.#entries.add(entry);
    this.#wake?.();
    return {
      ...{ position: this.idOf(this.#sequence), as_of: this.#asOf, resync, close },
      missed: missed.filter((one) => fits(filter, one.change)),
    };
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    while (!signal.aborted) {
      const cut = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const idle = this.#reader === undefined && this.#entries.size === 0;
      await (idle ? sleep(this.#limits.beatMs, signal, cut) : sleep(this.#limits.roundMs, signal));
      if (signal.aborted) break;
      if (this.#entries.size === 0 && monotonic() - this.#leftAt >= this.#limits.lingerMs) this.#forget();
      // What the database has not answered is read in the next round; the requests say what is wrong with it.
      if (this.#reader !== undefined) await (this.#round ?? this.#once()).catch(() => {});
      this.#beat();
    }
    this.#ended = true;
    for (const { listener } of [...this.#entries]) listener.end();
    this.#entries.clear();
    await this.#round?.catch(() => {});
  }

  /** Nobody listens. Ids that were given until now lead nowhere afterwards. */
  #forget(): void {
    if (this.#reader === undefined) return;
    this.#reader = undefined;
    this.#kept = [];
    this.#sequence += 1;
    this.#floor = this.#sequence;
  }

  #once(): Promise<void> {
    const reader = this.#reader ?? new ChangeReader(this.#context.names);
    this.#round = this.#read(reader).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #read(reader: ChangeReader): Promise<void> {
    const { as_of, changes } = await this.#use(async (context) => reader.round(await context.session(), monotonic()));
    this.#reader = reader;
    this.#asOf = as_of;
    const some = changes.map((change): NumberedChange => {
      this.#sequence += 1;
      return { sequence: this.#sequence, as_of, change };
    });
    if (some.length === 0) return;
    this.#keep(some);
    for (const { filter, listener } of [...this.#entries]) {
      const own = some.filter((one) => fits(filter, one.change));
      if (own.length > 0) listener.changes(own);
    }
  }

  #keep(some: NumberedChange[]): void {
    this.#kept.push(...some);
    const gone = this.#kept.splice(0, Math.max(0, this.#kept.length - this.#limits.kept)).at(-1);
    if (gone !== undefined) this.#floor = gone.sequence;
  }

  #since(lastId: string | undefined): Pick<Listening, 'missed' | 'resync'> {
    if (lastId === undefined) return { missed: [], resync: undefined };
    const colon = lastId.lastIndexOf(':');
    const sequence = Number(lastId.slice(colon + 1));
    if (lastId !== this.idOf(sequence) || sequence > this.#sequence) return { missed: [], resync: 'other_gateway' };
    if (sequence < this.#floor) return { missed: [], resync: 'too_old' };
    return { missed: this.#kept.filter((one) => one.sequence > sequence), resync: undefined };
  }

  #beat(): void {
    const now = monotonic();
    if (now - this.#beatAt < this.#limits.beatMs) return;
    this.#beatAt = now;
    for (const { listener } of [...this.#entries]) listener.beat();
  }
}
