import { checkpointDeleteAnswer, checkpointsAnswer, progressAnswer } from '../../../http/device-reports.ts';
import { secretsAnswer } from '../../../http/device-secrets.ts';
import { isConnectionLost } from '../../db/database-error.ts';
import type { CheckpointRow } from '../../db/reports/write-checkpoint.ts';
import type { ProgressRow } from '../../db/reports/write-progress.ts';
import { AfdError } from '../../domain/errors.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { FoundSecret } from '../../secrets/find-secrets.ts';
import { TransferKey } from '../../secrets/transfer.ts';
import type { Journal, KeptCheckpoint } from '../journal/journal.ts';
import { sendCheckpoint } from '../journal/kept-calls.ts';
import { wireHeld } from './gateway-work.ts';
import type { ReportPort, SecretRequest } from './report-port.ts';
import type { HeldClaim } from './work-port.ts';

/** Reports over HTTP. While no gateway answers, checkpoints are kept in the journal, the last one of each task. */
export class GatewayReports implements ReportPort {
  /** Idle connections are no burden of a gateway. */
  readonly idleTimeoutS = undefined;
  readonly #client: GatewayClient;
  readonly #deviceId: string;
  readonly #journal: Journal;
  readonly #backlog = new Map<number, { n: number; checkpoint: KeptCheckpoint }>();
  #delivering: Promise<void> | undefined;

  constructor(client: GatewayClient, deviceId: string, journal: Journal) {
    this.#client = client;
    this.#deviceId = deviceId;
    this.#journal = journal;
  }

  async ready(): Promise<void> {}

  async checkpoints(claims: HeldClaim[]): Promise<Map<number, string>> {
    await this.deliver();
    const body = { task_ids: claims.map((one) => one.task_id) };
    const path = `devices/${this.#deviceId}/checkpoints/read`;
    const call = { method: 'POST', path, body, answer: checkpointsAnswer, repeatable: true } as const;
    const { checkpoints } = await this.#client.call(call);
    return new Map(checkpoints.map((one) => [one.task_id, one.value]));
  }

  /** Never kept: the journal has references alone. */
  async secrets({ wanted: names, ...claim }: SecretRequest): Promise<FoundSecret[]> {
    const key = new TransferKey();
    const body = { ...wireHeld(claim), names, public_key: key.publicKey };
    const path = `devices/${this.#deviceId}/secrets`;
    const call = { method: 'POST', path, body, answer: secretsAnswer, repeatable: true } as const;
    const { held, secrets } = await this.#client.call(call);
    if (!held) throw new AfdError('E_CONFLICT', 'The attempt no longer holds its task.');
    return secrets.map((one) => ('problem' in one ? one : { name: one.name, value: key.open(one) }));
  }

  async writeCheckpoint({ value, ...claim }: CheckpointRow): Promise<boolean> {
    const checkpoint = { ...wireHeld(claim), value };
    try {
      const held = await sendCheckpoint(this.#client, this.#deviceId, checkpoint);
      await this.#superseded(claim.task_id);
      return held;
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      const n = await this.#journal.keep({ kind: 'checkpoint', checkpoint });
      if (n === undefined) throw error;
      await this.#superseded(claim.task_id);
      this.#backlog.set(claim.task_id, { n, checkpoint });
      return true;
    }
  }

  async writeProgress(rows: ProgressRow[]): Promise<number> {
    const body = {
      rows: rows.map(({ task_id, claim_token, progress, metrics, usage, first }) => ({
        ...wireHeld({ task_id, claim_token }),
        ...{ progress, metrics, usage, first },
      })),
    };
    const path = `devices/${this.#deviceId}/progress`;
    return (await this.#client.call({ method: 'POST', path, body, answer: progressAnswer, repeatable: true })).count;
  }

  async deleteCheckpoint({ task_id, attempt }: { task_id: number; attempt: number }): Promise<void> {
    const path = `devices/${this.#deviceId}/checkpoints/delete`;
    const body = { task_id, attempt };
    await this.#client.call({ method: 'POST', path, body, answer: checkpointDeleteAnswer, repeatable: true });
  }

  /** What was kept meanwhile: before the ends of these attempts, which end their right to it. @throws DatabaseError */
  async deliver(): Promise<void> {
    if (this.#backlog.size === 0) return;
    this.#delivering ??= this.#deliver().finally(() => {
      this.#delivering = undefined;
    });
    await this.#delivering;
  }

  cut(): void {
    this.#client.cut();
  }

  async close(): Promise<void> {
    this.#client.cut();
  }

  async #deliver(): Promise<void> {
    for (const [task, { n, checkpoint }] of this.#backlog) {
      // A refused one belongs to an attempt that is lost: its worker hears of that anyway.
      await sendCheckpoint(this.#client, this.#deviceId, checkpoint);
      if (this.#backlog.get(task)?.n === n) await this.#superseded(task);
    }
  }

  /** The one that was kept of this task is of no more use. */
  async #superseded(taskId: number): Promise<void> {
    const kept = this.#backlog.get(taskId);
    if (kept === undefined) return;
    this.#backlog.delete(taskId);
    await this.#journal.delivered([kept.n]);
  }
}
