import { type LaneHead, peekLanes } from '../db/queries/peek-lanes.ts';
import { publishLanes } from '../db/queries/publish-lanes.ts';
import type { DutySession } from './duty-session.ts';

/** Tells the fleet which lanes and ranks have pending tasks, so that not every worker has to look for itself. */
export class LanePublisher {
  readonly #duty: DutySession;
  #known = new Set<string>();

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /** Pairs that appeared since the last round of this process, and rows that vanished. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ appeared: number; vanished: number }> {
    const duty = this.#duty;
    const heads = await duty.run((session) => peekLanes(session, duty.names));
    const vanished = await duty.fenced((session) => publishLanes(session, duty.names, heads));
    const before = this.#known;
    this.#known = new Set(heads.map(pairOf));
    return { appeared: [...this.#known].filter((pair) => !before.has(pair)).length, vanished };
  }
}

function pairOf(head: LaneHead): string {
  return `${head.lane.toString('hex')}/${head.claim_rank}`;
}
