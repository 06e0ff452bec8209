// What the claimer of a worker asks of the fleet. Two implementations: over a session to the database, and over HTTP to a gateway.
import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../../db/claim/finish-and-claim.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';

/** What every claim has, through either implementation. */
export interface PlannedClaim {
  /** Random, 16 bytes; the outcome of a claim whose answer is lost is found out with it. */
  claim_token: Buffer;
  limit: number;
  /** In a transaction without ends. */
  alone: boolean;
}

export interface ExchangeResult {
  /** One for each end. */
  reconciled: Reconciled[];
  claimed: ClaimedTask[];
  permission: ClaimPermission;
}

export interface RegisteredDevice {
  deviceId: string;
  instanceToken: Buffer;
}

/** An attempt that has no row yet, and others of which only the task and the token are needed. */
export interface HeldClaim {
  task_id: number;
  claim_token: Buffer;
}

/**
 * One call at a time. Errors are DatabaseErrors, whose kind says what may be repeated: an outcome that is unknown is found out
 * with `recover`, ends are sent again as they are.
 */
export interface WorkPort<C extends PlannedClaim, R extends ExchangeResult> {
  /** Opens what the calls go over, if it is not open. @throws DatabaseError */
  ready(): Promise<void>;
  /** Writes these ends and makes the claim, all or nothing. After an error nothing of it is left open. @throws DatabaseError, AfdError */
  exchange(ends: Finish[], claim: C | undefined): Promise<R>;
  /** What claims with these tokens hold, unbegun and open. @throws DatabaseError */
  recover(tokens: Buffer[]): Promise<Array<ClaimedTask & { claim_token: Buffer }>>;
  /** Gives deferred claims their rows; one that is missing is no longer ours. @throws DatabaseError */
  materialize(claims: HeldClaim[]): Promise<MaterializedAttempt[]>;
  /** Writes that these attempts have begun; returns the rows that are no longer ours. @throws DatabaseError */
  begin(starts: Start[]): Promise<number[]>;
  /** JSON text of a payload; undefined = the task is no longer held under this token. @throws DatabaseError */
  payload(claim: HeldClaim): Promise<string | null | undefined>;
  /** Milliseconds of silence after which `keepAlive` is due. */
  readonly keepAliveMs: number;
  /** @throws DatabaseError */
  keepAlive(): Promise<void>;
  /** Leaves the connection, and with it whatever is under way; `ready` opens another. */
  cut(): void;
}
