import { type DeviceFigures, readFigures, recentRates, writeFigures } from '../db/devices/device-figures.ts';
import type { DutySession } from './duty/duty-session.ts';
import { Failures } from './duty/failures.ts';

/** Devices whose rates are computed anew per round; the count of open attempts is for all of them. */
const RATES_PER_ROUND = 50;
const WRITES_PER_TRANSACTION = 100;

/** Overwrites the cached figures of the device rows with what the attempts say. */
export class FiguresKeeper {
  readonly #duty: DutySession;
  #after = 0;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** Device rows that were different. @throws PartsFailed after all others were written; NotLeader, DatabaseError */
  async runOnce(): Promise<{ updated: number }> {
    const duty = this.#duty;
    const failures = new Failures(duty);
    const rows = await duty.run((session) => readFigures(session, duty.names));
    const turn = rows.filter((row) => row.id > this.#after).slice(0, RATES_PER_ROUND);
    this.#after = turn.length < RATES_PER_ROUND ? 0 : (turn.at(-1)?.id ?? 0);
    const rates = new Map<number, Awaited<ReturnType<typeof recentRates>>>();
    for (const { id, device_id } of turn) {
      const found = await failures.part(`rates of device ${device_id}`, () =>
        duty.run((session) => recentRates(session, duty.names, device_id)),
      );
      if (found !== undefined) rates.set(id, found);
    }
    const changed = rows.flatMap((row): DeviceFigures[] => {
      const { id, device_id } = row;
      const { success_rate, avg_duration_ms } = rates.get(id) ?? row;
      const same =
        row.current_tasks === row.open && row.success_rate === success_rate && row.avg_duration_ms === avg_duration_ms;
      return same ? [] : [{ id, device_id, current_tasks: row.open, success_rate, avg_duration_ms }];
    });
    let updated = 0;
    for (let n = 0; n < changed.length; n += WRITES_PER_TRANSACTION) {
      const chunk = changed.slice(n, n + WRITES_PER_TRANSACTION);
      updated += await this.#write(chunk, failures);
    }
    return failures.end({ updated });
  }

  /** All in one transaction; if that is refused, each in one of its own, so that one row keeps no other from it. */
  async #write(chunk: DeviceFigures[], failures: Failures): Promise<number> {
    const duty = this.#duty;
    const write = (some: DeviceFigures[]) => duty.fenced((session) => writeFigures(session, duty.names, some));
    try {
      return await write(chunk);
    } catch (error) {
      if (!duty.refused(error)) throw error;
    }
    let updated = 0;
    for (const one of chunk) {
      updated += (await failures.part(`figures of device ${one.device_id}`, () => write([one]))) ?? 0;
      if (failures.enough) break;
    }
    return updated;
  }
}
