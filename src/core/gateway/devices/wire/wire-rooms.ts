// How many tasks of each type a claim for a device may take, as its worker says. What a worker with its own connection works out
// with TypeRooms, this reads off.

import type { TypeRoom } from '../../../../http/device-contract.ts';
import type { ClaimSource } from '../../../db/claim/claim-source.ts';
import type { ClaimedTask } from '../../../db/claim/claimed-task.ts';
import type { Admission } from '../../../db/claim/take-tasks.ts';
import { timeoutSeconds } from '../../../domain/task/timeout.ts';

export interface WireClaim {
  claim_token: Buffer;
  limit: number;
  /** Of these many can begin now. */
  free: number;
  types: ReadonlyMap<string, TypeRoom>;
}

export class WireRooms {
  readonly #rooms = new Map<string, TypeRoom>();
  #free: number;

  constructor({ free, types }: WireClaim) {
    this.#free = free;
    for (const [type, room] of types) if (room.now + room.later > 0) this.#rooms.set(type, { ...room });
  }

  has(taskType: string): boolean {
    return this.#rooms.has(taskType);
  }

  /** Rows to ask of a source; undefined = of more than one type. */
  mostFrom(taskType: string | undefined): number {
    const room = taskType === undefined ? undefined : this.#rooms.get(taskType);
    if (room === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.min(room.now, this.#free) + room.later);
  }

  /** Only first attempts are deferred, or wait for a slot: see TaskTimings.admit. */
  admit(task: ClaimedTask, source: ClaimSource['kind']): Admission {
    const room = this.#rooms.get(task.task_type);
    if (room === undefined) return 'skip';
    const first = task.attempt === 0 && task.claimed_by === null && source === 'lane';
    const admission = room.defer && first ? 'defer' : 'record';
    if (room.now > 0 && this.#free > 0) {
      room.now -= 1;
      this.#free -= 1;
      return admission;
    }
    if (first && room.later > 0) {
      room.later -= 1;
      return admission;
    }
    return source === 'lane' ? 'stop' : 'skip';
  }

  /** Seconds that an attempt of this task may run: the task's own, its handler's, the fleet's. */
  timeoutOf(task: Pick<ClaimedTask, 'task_type' | 'execution_timeout'>, fleet: number): number {
    return timeoutSeconds(task.execution_timeout, this.#rooms.get(task.task_type)?.timeout ?? fleet);
  }
}
