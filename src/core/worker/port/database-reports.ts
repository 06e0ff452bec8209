import { deleteCheckpoint } from '../../db/reports/delete-checkpoint.ts';
import { readCheckpoints } from '../../db/reports/read-checkpoints.ts';
import { type CheckpointRow, writeCheckpoint } from '../../db/reports/write-checkpoint.ts';
import { type ProgressRow, writeProgress } from '../../db/reports/write-progress.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { type FoundSecret, findSecrets } from '../../secrets/find-secrets.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import type { ReportPort, SecretRequest } from './report-port.ts';
import type { HeldClaim } from './work-port.ts';

/** Reports over a session of their own, open only while attempts report. */
export class DatabaseReports implements ReportPort {
  readonly #openSession: () => Session;
  readonly #names: TableNames;
  readonly #secrets: { deviceId: string; keyring: Keyring };
  #session: Session | undefined;

  /** `openSession`: a session that is not open yet. `secrets`: who asks for them, and what opens them. */
  constructor(openSession: () => Session, names: TableNames, secrets: { deviceId: string; keyring: Keyring }) {
    this.#openSession = openSession;
    this.#names = names;
    this.#secrets = secrets;
  }

  async ready(): Promise<void> {
    this.#session ??= this.#openSession();
    await this.#session.ready();
  }

  get idleTimeoutS(): number | undefined {
    return this.#session?.options.idleTimeoutS;
  }

  checkpoints(claims: HeldClaim[]): Promise<Map<number, string>> {
    const ids = claims.map((one) => one.task_id);
    return readCheckpoints(this.#session!, this.#names, ids);
  }

  secrets({ task_type, wanted }: SecretRequest): Promise<FoundSecret[]> {
    const { deviceId: device_id, keyring } = this.#secrets;
    return findSecrets(this.#session!, this.#names, keyring, { wanted, use: { task_type, device_id } });
  }

  writeCheckpoint(row: CheckpointRow): Promise<boolean> {
    return writeCheckpoint(this.#session!, this.#names, row);
  }

  writeProgress(rows: ProgressRow[]): Promise<number> {
    return writeProgress(this.#session!, this.#names, rows);
  }

  async deleteCheckpoint(done: { task_id: number; attempt: number }): Promise<void> {
    await deleteCheckpoint(this.#session!, this.#names, done);
  }

  cut(): void {
    this.#session?.destroy();
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}
