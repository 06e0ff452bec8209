import type { Result, Session } from './session.ts';

/**
 * Reads that travel in the batch of a call's first statement, in front of it, so that they cost no round trip of their
 * own. If one of them fails, that statement was not executed.
 */
export class Piggybacked {
  readonly #statements: Array<{ sql: string; values?: unknown[] }>;
  #results: Result[] | undefined;

  constructor(statements: Array<{ sql: string; values?: unknown[] }>) {
    this.#statements = statements;
  }

  /** One result per statement; undefined = nothing has carried them yet. */
  get results(): Result[] | undefined {
    return this.#results;
  }

  /** Sends them alone, if there are any and nothing has carried them. @throws DatabaseError */
  async flush(session: Session): Promise<void> {
    if (this.#results !== undefined || this.#statements.length === 0) return;
    this.#results = await session.batch(this.#statements);
  }

  /** Sends this statement with what is still to be carried. Needs `multiStatements` when there is any. @throws DatabaseError */
  async send(session: Session, sql: string, values: unknown[] = []): Promise<Result> {
    const carry = this.#results === undefined ? this.#statements : [];
    if (carry.length === 0) return (await session.batch([{ sql, values }]))[0]!;
    const results = await session.batch([...carry, { sql, values }]);
    const own = results.pop()!;
    this.#results = results;
    return own;
  }
}
