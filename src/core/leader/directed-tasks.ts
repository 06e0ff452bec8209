import { returnAssigned, strandedTasks } from '../db/attempts/return-assigned.ts';
import type { DutySession } from './duty/duty-session.ts';
import { Failures } from './duty/failures.ts';

const LIMIT = 500;

/** Makes directed tasks pending for all devices when their device cannot be waited for. */
export class DirectedTasks {
  readonly #duty: DutySession;
  #after = 0;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** One fenced transaction per task. @throws PartsFailed after all others were returned; NotLeader, DatabaseError */
  async runOnce(): Promise<{ returned: number }> {
    const duty = this.#duty;
    const failures = new Failures(duty);
    const ids = await duty.run((session) => strandedTasks(session, duty.names, { after: this.#after, limit: LIMIT }));
    let returned = 0;
    for (const id of ids) {
      // Before it is tried: where this one ends the connection, the next round goes on behind it.
      this.#after = id;
      const done = await failures.part(`task ${id}`, () =>
        duty.fenced((session) => returnAssigned(session, duty.names, id)),
      );
      if (done === true) returned += 1;
      if (failures.enough) return failures.end({ returned });
    }
    if (ids.length < LIMIT) this.#after = 0;
    return failures.end({ returned });
  }
}
