import { returnAssigned, strandedTasks } from '../db/queries/return-assigned.ts';
import type { DutySession } from './duty-session.ts';

const LIMIT = 500;

/** Gives directed tasks back to everybody when the device they wait for cannot be waited for. */
export class DirectedTasks {
  readonly #duty: DutySession;
  #after = 0;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** One fenced transaction per task. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ returned: number }> {
    const duty = this.#duty;
    const ids = await duty.run((session) => strandedTasks(session, duty.names, { after: this.#after, limit: LIMIT }));
    this.#after = ids.length < LIMIT ? 0 : (ids.at(-1) ?? 0);
    let returned = 0;
    for (const id of ids) {
      if (await duty.fenced((session) => returnAssigned(session, duty.names, id))) returned += 1;
    }
    return { returned };
  }
}
