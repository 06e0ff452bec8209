// Programs that know the table of tasks and nothing of afd: they lock its rows, set them back, and write odd ones.
import type { Session } from '../../src/core/db/session.ts';
import type { ChaosFleet } from './fleet.ts';
import { insertOddRow } from './odd-row.ts';
import { aimAtTask } from './operators.ts';
import type { Step } from './plan.ts';

export const FOREIGNER = 'foreigner';

export class Strangers {
  readonly #fleet: ChaosFleet;
  readonly #session: Session;

  constructor(fleet: ChaosFleet) {
    this.#fleet = fleet;
    this.#session = fleet.session(FOREIGNER);
  }

  /** @throws DatabaseError */
  async step(step: Step, last: (ms: number, undo: () => Promise<void>) => void): Promise<void> {
    if (step.kind === 'foreign-reset') return this.#reset(step);
    // Each of these has a session of its own, with what it leaves in it.
    const session = this.#fleet.session(FOREIGNER);
    try {
      if (step.kind === 'odd-row') await insertOddRow(this.#fleet, session, FOREIGNER, step);
      else await this.#lock(session, step);
    } catch (error) {
      await session.close();
      throw error;
    }
    if (step.kind === 'odd-row') await session.close();
    else last(step.ms, () => session.close());
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** A transaction holds rows that the fleet wants: some that run or wait, or those that would be claimed next. */
  async #lock(session: Session, { kind }: Step): Promise<void> {
    await session.ready();
    const { task } = this.#fleet.names;
    const head = kind === 'lock-pending';
    const rows = head
      ? await session.rows<{ id: number }>(
          `SELECT id FROM ${task} WHERE status = 'pending' ORDER BY due_at, id LIMIT 3`,
        )
      : [];
    await session.write('START TRANSACTION');
    for (const { id } of rows) await session.rows(`SELECT id FROM ${task} WHERE id = ? FOR UPDATE SKIP LOCKED`, [id]);
    if (head) return;
    await session.rows(
      `SELECT id FROM ${task} WHERE status IN ('running', 'pending') ORDER BY id DESC LIMIT 3 FOR UPDATE SKIP LOCKED`,
    );
  }

  /** A running row is set back, by one who knows nothing of tokens. */
  async #reset(step: Step): Promise<void> {
    const session = this.#session;
    await session.ready();
    const task = await aimAtTask(this.#fleet, session, step);
    if (task === undefined) return;
    const { names, history } = this.#fleet;
    history.note({ proc: FOREIGNER, type: 'invoke', f: 'foreign-reset', task });
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ? AND status = 'running'`, [task]);
  }
}
