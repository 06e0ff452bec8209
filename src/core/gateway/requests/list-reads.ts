// Lists and exports of a gateway: from the replica where one is configured and not late, for those who have changed nothing a moment ago.
import type { Context } from '../../context/context.ts';
import type { Replicated } from '../../reader/read-replica.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { RequestContext, RequestContexts } from './request-contexts.ts';

/** Callers that are remembered; of more, the first to have changed something is forgotten. */
const MOST_CALLERS = 10_000;

export interface ListRead<T> {
  value: T;
  /** How the replica stood; undefined = it was read from the writer. */
  replica: Replicated | undefined;
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

  /** They have changed something, and will see it in each list, which a replica may not have yet. */
  changed(caller: string): void {
    if (this.#context.replica === undefined) return;
    this.#changed.delete(caller);
    this.#changed.set(caller, monotonic() + 1000 * this.#context.config.database.read_max_delay);
    const [oldest] = this.#changed.keys();
    if (this.#changed.size > MOST_CALLERS && oldest !== undefined) this.#changed.delete(oldest);
  }

  /** `latest`: the caller wants what the writer has. @throws as RequestContexts.use */
  async use<T>(
    { caller, latest }: { caller: string; latest: boolean },
    read: (context: RequestContext) => Promise<T>,
  ): Promise<ListRead<T>> {
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
