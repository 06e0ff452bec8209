// How much of each task type with a maximum a claim may take: what can begin, and of short tasks what can soon begin.

import type { ClaimSource } from '../../db/claim/claim-source.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Admission, ClaimRequest } from '../../db/claim/take-tasks.ts';
import type { Slots } from './slots.ts';
import { SHORT_MS, type TaskTimings } from './task-timings.ts';

/** Types in which nothing can begin. */
export type FullTypes = readonly string[];

const NONE: FullTypes = [];

type How = Pick<ClaimRequest, 'free' | 'short'>;

export class TypeRooms {
  readonly #slots: Slots;
  readonly #timings: TaskTimings;

  constructor(slots: Slots, timings: TaskTimings) {
    this.#slots = slots;
    this.#timings = timings;
  }

  /** Types of which all places are taken. */
  full(): FullTypes {
    const { places } = this.#slots;
    if (places.size === 0) return NONE;
    return [...places].flatMap(([type, { free }]) => (free > 0 ? [] : [type]));
  }

  /** True when a claim may take no task of this type, not even to wait for a place. */
  closed(taskType: string): boolean {
    const places = this.#slots.places.get(taskType);
    return places !== undefined && places.free <= 0 && places.waiting >= this.#prefetch(taskType);
  }

  /** How many tasks of a type to hold beyond the slots. `short`: slots that long tasks do not hold. */
  prefetchLimit(taskType: string, short: number): number {
    const max = this.#slots.places.get(taskType)?.max ?? short;
    return this.#timings.prefetchLimit(taskType, Math.min(short, max));
  }

  /** For one claim, as things are now. */
  forClaim(how: How): ClaimRooms {
    const rooms = new Map<string, Room>();
    for (const [type, { free, waiting }] of this.#slots.places) {
      const prefetch = this.#prefetch(type);
      rooms.set(type, { free, waiting, prefetch, most: free + Math.max(0, prefetch - waiting) });
    }
    return new ClaimRooms(rooms, this.#timings, how);
  }

  /**
   * How many may wait for a place: as many as end soon in the places that long tasks do not hold. A type whose tasks are few at a
   * time is no more likely to be short because others are, so it must have proved it.
   */
  #prefetch(taskType: string): number {
    if (!this.#timings.isShort(taskType) || this.#timings.isCold(taskType)) return 0;
    const short = Math.min(this.#slots.slotsYounger(SHORT_MS), this.#slots.slotsYounger(SHORT_MS, taskType));
    return this.#timings.prefetchLimit(taskType, short);
  }
}

interface Room {
  /** Places in which a task can begin. */
  free: number;
  /** Attempts that wait for a place. */
  waiting: number;
  /** How many may wait. */
  prefetch: number;
  /** Rows to ask of a source, before and after any were taken. */
  readonly most: number;
}

/** What one claim may take. Each task that it takes leaves less room for the others of its type. */
export class ClaimRooms {
  readonly #rooms: Map<string, Room>;
  readonly #timings: TaskTimings;
  readonly #how: How;
  /** Taken tasks that will wait for a place, and so for no slot. */
  #waits = 0;

  constructor(rooms: Map<string, Room>, timings: TaskTimings, how: How) {
    this.#rooms = rooms;
    this.#timings = timings;
    this.#how = how;
  }

  /** As `TaskTimings.mostFrom`. */
  mostFrom(taskType: string | undefined): number {
    const most = this.#timings.mostFrom(taskType, this.#how);
    return Math.min(most, (taskType === undefined ? undefined : this.#rooms.get(taskType)?.most) ?? most);
  }

  /** As `TaskTimings.admit`. `index`: how many the claim has taken. */
  admit(task: ClaimedTask, source: ClaimSource['kind'], index: number): Admission {
    const room = this.#rooms.get(task.task_type);
    const waits = room !== undefined && room.free <= 0;
    const admission = waits
      ? this.#toWait(task, source, room)
      : this.#timings.admit(task, source, this.#how, index - this.#waits);
    if (admission === 'stop') return waits && source === 'tasks' ? 'skip' : 'stop';
    if (waits) this.#waits += 1;
    if (waits) room.waiting += 1;
    else if (room !== undefined) room.free -= 1;
    return admission;
  }

  /** The prefetch rule, for a type in which nothing can begin now. */
  #toWait(task: ClaimedTask, source: ClaimSource['kind'], { waiting, prefetch }: Room): Admission {
    if (waiting >= prefetch) return 'stop';
    return this.#timings.admit(task, source, { free: 0, short: this.#how.short }, 0);
  }
}
