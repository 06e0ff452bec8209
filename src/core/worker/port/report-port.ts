// Where the reports of running attempts are written: the database, or a gateway.
import type { CheckpointRow } from '../../db/reports/write-checkpoint.ts';
import type { ProgressRow } from '../../db/reports/write-progress.ts';
import type { FoundSecret } from '../../secrets/find-secrets.ts';
import type { HeldClaim } from './work-port.ts';

/** Which secrets an attempt refers to. */
export interface SecretRequest extends HeldClaim {
  task_type: string;
  /** Names. */
  wanted: string[];
}

export interface ReportPort {
  /** @throws DatabaseError */
  ready(): Promise<void>;
  /** What `ready` has opened is closed after this much silence; undefined = nothing is open. */
  readonly idleTimeoutS: number | undefined;
  /** JSON text by task. @throws DatabaseError */
  checkpoints(claims: HeldClaim[]): Promise<Map<number, string>>;
  /** One answer for each name, in their order. @throws DatabaseError, AfdError */
  secrets(request: SecretRequest): Promise<FoundSecret[]>;
  /** False = the attempt no longer holds its task. @throws DatabaseError */
  writeCheckpoint(row: CheckpointRow): Promise<boolean>;
  /** 0 = none of them holds its task any more. @throws DatabaseError */
  writeProgress(rows: ProgressRow[]): Promise<number>;
  /** @throws DatabaseError */
  deleteCheckpoint(done: { task_id: number; attempt: number }): Promise<void>;
  /** A call that is under way fails. */
  cut(): void;
  /** `ready` opens it again. */
  close(): Promise<void>;
}
