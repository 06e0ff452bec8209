import { claimedPayload } from '../../db/attempts/claimed-payload.ts';
import { flushStarts, type Start } from '../../db/attempts/flush-starts.ts';
import { type MaterializedAttempt, materializeOwnClaims } from '../../db/attempts/materialize-attempts.ts';
import { recoverClaims } from '../../db/attempts/recover-claims.ts';
import { returnTicket } from '../../db/claim/claim-ticket.ts';
import {
  type FinishAndClaimInput,
  type FinishAndClaimResult,
  finishAndClaim,
} from '../../db/claim/finish-and-claim.ts';
import type { ClaimRequest } from '../../db/claim/take-tasks.ts';
import { ANY_WIDTHS, readTextWidths, type TextWidths } from '../../db/claim/text-widths.ts';
import { DatabaseError } from '../../db/database-error.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { insertTasks } from '../../db/tasks/insert-tasks.ts';
import { rollback } from '../../db/transaction.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import type { NewTask } from '../../domain/task/task.ts';
import type { HeldClaim, WorkPort } from './work-port.ts';

export interface DatabaseWorkOptions {
  session: Session;
  names: TableNames;
  deviceId: string;
  instanceToken: Buffer;
  policy: FinishAndClaimInput['policy'];
}

/** Work over a session to the database. */
export class DatabaseWork implements WorkPort<ClaimRequest, FinishAndClaimResult> {
  readonly #o: DatabaseWorkOptions;
  #widths: TextWidths | undefined;

  constructor(options: DatabaseWorkOptions) {
    this.#o = options;
  }

  /** What the text columns can hold, as far as it was read. */
  get widths(): TextWidths {
    return this.#widths ?? ANY_WIDTHS;
  }

  async ready(): Promise<void> {
    await this.#o.session.ready();
  }

  async exchange(ends: Finish[], claim: ClaimRequest | undefined): Promise<FinishAndClaimResult> {
    const { session, names, deviceId, instanceToken, policy } = this.#o;
    this.#widths ??= await readTextWidths(session, names);
    try {
      return await finishAndClaim(session, names, {
        device_id: deviceId,
        instance_token: instanceToken,
        finishes: ends,
        policy,
        widths: this.#widths,
        enqueue: (tasks, finish) => this.#insert(tasks, finish.task_id),
        claim,
      });
    } catch (error) {
      await rollback(session);
      if (claim?.ticket === true) await returnTicket(session);
      throw error;
    }
  }

  recover(tokens: Buffer[]): ReturnType<typeof recoverClaims> {
    const { session, names, deviceId } = this.#o;
    return recoverClaims(session, names, deviceId, tokens);
  }

  materialize(claims: HeldClaim[]): Promise<MaterializedAttempt[]> {
    const { session, names } = this.#o;
    return this.#undone(materializeOwnClaims(session, names, claims));
  }

  begin(starts: Start[]): Promise<number[]> {
    const { session, names } = this.#o;
    return this.#undone(flushStarts(session, names, starts));
  }

  payload(claim: HeldClaim): Promise<string | null | undefined> {
    const { session, names } = this.#o;
    return claimedPayload(session, names, claim);
  }

  get keepAliveMs(): number {
    return this.#o.session.options.idleTimeoutS * 800;
  }

  async keepAlive(): Promise<void> {
    if (this.#o.session.alive) await this.#o.session.ping();
  }

  cut(): void {
    this.#o.session.destroy();
  }

  /** Where the server refuses the data of one row, others may be written on the same session. */
  async #undone<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (error) {
      if (error instanceof DatabaseError && error.fault === 'data') await rollback(this.#o.session);
      throw error;
    }
  }

  async #insert(tasks: NewTask[], parentId: number): Promise<void> {
    const { session, names, policy } = this.#o;
    await insertTasks(session, names, tasks, { maxRetryCount: policy.maxRetryCount, parentId });
  }
}
