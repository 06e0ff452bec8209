import type { LogsBody } from '../../../http/device-reports.ts';
import { isConnectionLost } from '../../db/database-error.ts';
import type { LoggedAttempt } from '../../db/logs/logged-attempt.ts';
import type { LogTrim } from '../../db/logs/trim-log.ts';
import type { LogPiece } from '../../db/logs/write-log.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { Journal } from '../journal/journal.ts';
import { deliverLog, sendLog, writtenOf } from '../journal/kept-calls.ts';
import type { LogPort } from './log-port.ts';

/** Of one request, in bytes of compressed lines: base64 makes a third more of them, and a gateway takes 1 MiB. */
const BATCH = 512 * 1024;

/** Run logs over HTTP. While no gateway answers they are kept in the journal, and delivered before what comes later. */
export class GatewayLogs implements LogPort {
  readonly mostBytes = BATCH;
  readonly #client: GatewayClient;
  readonly #deviceId: string;
  readonly #journal: Journal;
  /** In the order in which they were kept. */
  readonly #backlog: Array<{ n: number; log: LogsBody }> = [];
  #delivering: Promise<void> | undefined;

  constructor(client: GatewayClient, deviceId: string, journal: Journal) {
    this.#client = client;
    this.#deviceId = deviceId;
    this.#journal = journal;
  }

  async ready(): Promise<void> {}

  async write(pieces: LogPiece[], trims: LogTrim[]): Promise<void> {
    const log = wireLog(pieces, trims);
    try {
      await this.deliver();
      // Its answer may be lost: then the writer, or the delivery, asks what is written.
      await sendLog(this.#client, this.#deviceId, log);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      const n = await this.#journal.keep({ kind: 'log', log });
      if (n === undefined) throw error;
      this.#backlog.push({ n, log });
    }
  }

  async written(attempts: LoggedAttempt[]): Promise<Array<LoggedAttempt & { to_byte: number }>> {
    return writtenOf(this.#client, this.#deviceId, attempts);
  }

  /** What was kept meanwhile, in order. @throws DatabaseError */
  async deliver(): Promise<void> {
    this.#delivering ??= this.#deliver().finally(() => {
      this.#delivering = undefined;
    });
    await this.#delivering;
  }

  async close(): Promise<void> {
    this.#client.cut();
  }

  async #deliver(): Promise<void> {
    for (let one = this.#backlog[0]; one !== undefined; one = this.#backlog[0]) {
      await deliverLog(this.#client, this.#deviceId, one.log);
      this.#backlog.shift();
      await this.#journal.delivered([one.n]);
    }
  }
}

function wireLog(pieces: LogPiece[], trims: LogTrim[]): LogsBody {
  return {
    pieces: pieces.map(({ task_id, attempt, from_byte, to_byte, line_count, body }) => ({
      ...{ task_id, attempt, from_byte, to_byte, line_count },
      body: body.toString('base64'),
    })),
    trims: trims.map(({ task_id, attempt, head, tailFrom }) => ({ task_id, attempt, head, tail_from: tailFrom })),
  };
}
