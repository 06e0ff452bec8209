// Lists and exports of a gateway: from the replica where one is configured and not late, for those who have changed nothing a moment ago.
import type { Context } from '../../context/context.ts';
import type { Replicated } from '../../reader/read-replica.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { RequestContext, RequestContexts } from './request-contexts.ts';

/** Callers that are remembered; of more, the first to have changed something is forgotten. */
const MOST_CALLERS = 10_000;
/** For as long a measured delay may be older than it says. */
const SLACK_S = 1;

export interface ListRead<T> {
  value: T;
  /** How the replica stood; undefined = it was read from the writer. */
  replica: Replicated | undefined;
}

export interface Reader {
  caller: string;
  /** The caller wants what the writer has, or goes on in a list that the writer began. */
  latest: boolean;
}

export class ListReads {
  readonly #context: Context;
  readonly #requests: RequestContexts;
  /** By caller, until when they read from the writer. */
  readonly #changed = new Map<string, number>();

  constructor(context: Context, requests: RequestContexts) {
    this.#context = context;
    this.#requests = requests;
  }

  /** Seconds for which somebody who has changed something reads from the writer; undefined = everybody always does. */
  get latestS(): number | undefined {
    const { replica, config } = this.#context;
    return replica === undefined ? undefined : config.database.read_max_delay + SLACK_S;
  }

  /** They have changed something, and will see it in each list, which a replica may not have yet. */
  changed(caller: string): void {
    const { latestS } = this;
    if (latestS === undefined) return;
    this.#changed.delete(caller);
    this.#changed.set(caller, monotonic() + 1000 * latestS);
    const [oldest] = this.#changed.keys();
    if (this.#changed.size > MOST_CALLERS && oldest !== undefined) this.#changed.delete(oldest);
  }

  /** @throws as RequestContexts.use */
  async use<T>({ caller, latest }: Reader, read: (context: RequestContext) => Promise<T>): Promise<ListRead<T>> {
    const { replica } = this.#context;
    if (replica === undefined || latest || this.#hasChanged(caller)) return this.#fromWriter(read);
    const tried = await replica.tried(async (session, how) => ({
      value: await read({
        ...this.#context,
        session: async () => session,
        now: async () => new Date(how.nowMs).toISOString(),
      }),
      replica: how,
    }));
    return tried?.value ?? this.#fromWriter(read);
  }

  /** For the parts of one export: from the replica once it has what the writer has now, and from the writer for good after one part of it. */
  export(reader: Reader): <T>(read: (context: RequestContext) => Promise<T>) => Promise<T> {
    let { latest } = reader;
    let first = true;
    return async (read) => {
      if (first && !latest) latest = (await this.#context.replica?.caughtUp()) !== true;
      first = false;
      const { value, replica } = await this.use({ ...reader, latest }, read);
      latest ||= replica === undefined;
      return value;
    };
  }

  async #fromWriter<T>(read: (context: RequestContext) => Promise<T>): Promise<ListRead<T>> {
    return { value: await this.#requests.use(read), replica: undefined };
  }

  #hasChanged(caller: string): boolean {
    const until = this.#changed.get(caller);
    if (until === undefined) return false;
    if (monotonic() < until) return true;
    this.#changed.delete(caller);
    return false;
  }
}
