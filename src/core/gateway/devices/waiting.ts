// Devices that wait for work here, and whom to wake. A claim decides; a device that is woken in vain waits again.
import { type LaneRank, laneRankKey } from '../../domain/lane.ts';
import type { LaneEntry } from '../../worker/claim/lane-entry.ts';
import type { DeviceKind } from './device-kind.ts';
import type { GatewayDevice } from './gateway-device.ts';

export interface Waiter {
  readonly device: GatewayDevice;
  /** Slots in which a task can begin; 0 = it waits for other news. */
  readonly free: number;
  /** Types for which it has no room. */
  readonly without: ReadonlySet<string>;
  /** Attempts that it holds. */
  readonly held: number;
  wake(): void;
}

/** How much to wake for: devices that have room for these tasks together, or a number of devices. */
export type WakeFor = { tasks: number } | { devices: number };

export class Waiting {
  /** With the kind under which it stands, where it has free slots. */
  readonly #all = new Map<Waiter, DeviceKind | undefined>();
  /** Those with free slots, in the order in which they came: who was woken comes last. */
  readonly #byKind = new Map<DeviceKind, Set<Waiter>>();
  readonly #defers: (device: GatewayDevice, entry: LaneEntry) => boolean;
  /** Work is known to be due for nobody who waits: it is found by polls. */
  onFirst: () => void = () => {};

  constructor(defers: (device: GatewayDevice, entry: LaneEntry) => boolean) {
    this.#defers = defers;
  }

  add(waiter: Waiter): void {
    const { kind } = waiter.device;
    this.#all.set(waiter, waiter.free > 0 ? kind : undefined);
    if (waiter.free > 0) this.#byKind.set(kind, (this.#byKind.get(kind) ?? new Set()).add(waiter));
    if (this.#all.size === 1) this.onFirst();
  }

  remove(waiter: Waiter): void {
    const kind = this.#all.get(waiter);
    this.#all.delete(waiter);
    const same = kind === undefined ? undefined : this.#byKind.get(kind);
    if (kind !== undefined && same?.delete(waiter) === true && same.size === 0) this.#byKind.delete(kind);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Some have free slots. */
  get wantWork(): boolean {
    return this.#byKind.size > 0;
  }

  get free(): number {
    let sum = 0;
    for (const same of this.#byKind.values()) for (const one of same) sum += one.free;
    return sum;
  }

  get all(): Iterable<Waiter> {
    return this.#all.keys();
  }

  /** Whether a device may take tasks of this lane now. */
  fits({ device, without }: Pick<Waiter, 'device' | 'without'>, entry: LaneEntry): boolean {
    return (
      !without.has(entry.task_type) &&
      device.operator_state === 'active' &&
      device.kind.accepts(
        { task_type: entry.task_type, required_capabilities: entry.requires },
        entry.lane.toString('hex'),
      ) &&
      !this.#defers(device, entry)
    );
  }

  /** Wakes devices for a lane, those that have waited longest; returns whom. `hint`: somebody says that work has come. */
  wakeForLane(entry: LaneEntry, how: WakeFor, hint = false): GatewayDevice[] {
    const woken: Waiter[] = [];
    let tasks = 'tasks' in how ? how.tasks : Number.POSITIVE_INFINITY;
    const most = 'devices' in how ? how.devices : Number.POSITIVE_INFINITY;
    for (const same of this.#byKind.values()) {
      for (const one of same) {
        if (tasks <= 0 || woken.length >= most) break;
        if (!hint && one.device.pause.leftMs > 0) continue;
        if (!this.fits(one, entry)) continue;
        woken.push(one);
        tasks -= one.free;
      }
    }
    return this.#wake(woken, hint);
  }

  /** Wakes those at which tasks are directed. */
  wakeDevices(keys: ReadonlySet<string>, hint = false): GatewayDevice[] {
    const woken = [...this.#all.keys()].filter(({ device, free }) => free > 0 && keys.has(device.key));
    return this.#wake(
      woken.filter((one) => hint || one.device.pause.leftMs <= 0),
      hint,
    );
  }

  /** Something else has changed for this device; absent = for all. */
  news(device?: GatewayDevice): void {
    for (const one of [...this.#all.keys()]) if (device === undefined || one.device === device) one.wake();
  }

  #wake(woken: Waiter[], hint: boolean): GatewayDevice[] {
    for (const one of woken) {
      if (hint) one.device.pause.news();
      this.remove(one);
      one.wake();
    }
    return woken.map((one) => one.device);
  }
}

/** Finds an entry by its lane and rank. */
export function entryOf(entries: LaneEntry[], laneRank: LaneRank): LaneEntry | undefined {
  const key = laneRankKey(laneRank);
  return entries.find((one) => laneRankKey(one) === key);
}
