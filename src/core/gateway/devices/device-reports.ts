// What attempts of a remote worker print and report: as RunLogs and Reporter write it over a session.
import type { LogsBody, ProgressBody } from '../../../http/device-reports.ts';
import { attemptsHeld, tasksHeld } from '../../db/gateway/attempts-of-device.ts';
import { writeLog } from '../../db/logs/write-log.ts';
import { writtenLog } from '../../db/logs/written-log.ts';
import { deleteCheckpoint } from '../../db/reports/delete-checkpoint.ts';
import { readCheckpoints } from '../../db/reports/read-checkpoints.ts';
import { writeCheckpoint } from '../../db/reports/write-checkpoint.ts';
import { writeProgress } from '../../db/reports/write-progress.ts';
import type { Session } from '../../db/session.ts';
import { AfdError } from '../../domain/errors.ts';
import type { RemoteDevices } from './remote-devices.ts';
import { bytes } from './wire/wire.ts';

interface Attempt {
  task_id: number;
  attempt: number;
}

export class DeviceReports {
  readonly #devices: RemoteDevices;

  constructor(devices: RemoteDevices) {
    this.#devices = devices;
  }

  /** Those of attempts that the device never held are left out: returns these. @throws DatabaseError */
  async logs(deviceId: string, { pieces, trims }: LogsBody): Promise<Attempt[]> {
    const { names } = this.#devices.context;
    return this.#with(async (session) => {
      const asked = distinct([...pieces, ...trims]);
      const held = await attemptsHeld(session, names, deviceId, asked);
      const own = <T extends Attempt>(list: T[]) => list.filter((one) => held.has(keyOf(one)));
      const rows = own(pieces).map((one) => ({ ...one, device_id: deviceId, body: Buffer.from(one.body, 'base64') }));
      const cuts = own(trims).map(({ tail_from, ...one }) => ({ ...one, tailFrom: tail_from }));
      if (rows.length > 0) await writeLog(session, names, rows, cuts);
      return asked.filter((one) => !held.has(keyOf(one)));
    });
  }

  /** @throws DatabaseError */
  async written(deviceId: string, attempts: Attempt[]) {
    const { names } = this.#devices.context;
    return this.#with(async (session) => {
      const held = await attemptsHeld(session, names, deviceId, attempts);
      const own = attempts.filter((one) => held.has(keyOf(one)));
      return own.length === 0 ? [] : writtenLog(session, names, own);
    });
  }

  /** @throws AfdError E_USAGE; DatabaseError */
  async progress(deviceId: string, rows: ProgressBody['rows']): Promise<number> {
    for (const { metrics, task_id } of rows)
      if (metrics !== null) assertJson(metrics, `The metrics of task ${task_id}`);
    const own = rows.map(({ claim_token, progress, usage, first, ...one }) => ({
      ...one,
      ...{ device_id: deviceId, claim_token: bytes(claim_token), progress, usage, first },
    }));
    return this.#with((session) => writeProgress(session, this.#devices.context.names, own));
  }

  /** False = the attempt no longer holds its task. @throws AfdError E_USAGE; DatabaseError */
  async checkpoint({ claim_token, ...row }: { task_id: number; claim_token: string; value: string }): Promise<boolean> {
    assertJson(row.value, 'The checkpoint');
    const own = { ...row, claim_token: bytes(claim_token) };
    return this.#with((session) => writeCheckpoint(session, this.#devices.context.names, own));
  }

  /** Of tasks that the device holds or held. @throws DatabaseError */
  async checkpoints(deviceId: string, taskIds: number[]): Promise<Array<{ task_id: number; value: string }>> {
    const { names } = this.#devices.context;
    return this.#with(async (session) => {
      const found = await readCheckpoints(session, names, await tasksHeld(session, names, deviceId, taskIds));
      return [...found].map(([task_id, value]) => ({ task_id, value }));
    });
  }

  /** @throws DatabaseError */
  async deleteCheckpoint(deviceId: string, done: Attempt): Promise<number> {
    const { names } = this.#devices.context;
    return this.#with(async (session) => {
      const held = await attemptsHeld(session, names, deviceId, [done]);
      return held.size === 0 ? 0 : deleteCheckpoint(session, names, done);
    });
  }

  #with<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#devices.requests.use(async (context) => work(await context.session()));
  }
}

function keyOf({ task_id, attempt }: Attempt): string {
  return `${task_id} ${attempt}`;
}

function distinct(attempts: Attempt[]): Attempt[] {
  return [
    ...new Map(attempts.map(({ task_id, attempt }) => [keyOf({ task_id, attempt }), { task_id, attempt }])).values(),
  ];
}

function assertJson(text: string, what: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new AfdError('E_USAGE', `${what} is not JSON.`);
  }
}
