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
  readonly #byDevice = new Map<GatewayDevice, Set<Waiter>>();
  #free = 0;
  readonly #defers: (device: GatewayDevice, entry: LaneEntry) => boolean;
  /** Work is known to be due for nobody who waits: it is found by polls. */
  onFirst: () => void = () => {};

  constructor(defers: (device: GatewayDevice, entry: LaneEntry) => boolean) {
    this.#defers = defers;
  }

  add(waiter: Waiter): void {
    const { device, free } = waiter;
    this.#all.set(waiter, free > 0 ? device.kind : undefined);
    put(this.#byDevice, device, waiter);
    if (free > 0) put(this.#byKind, device.kind, waiter);
    this.#free += free;
    if (this.#all.size === 1) this.onFirst();
  }

  remove(waiter: Waiter): void {
    const kind = this.#all.get(waiter);
    if (!this.#all.delete(waiter)) return;
    this.#free -= waiter.free;
    take(this.#byDevice, waiter.device, waiter);
    if (kind !== undefined) take(this.#byKind, kind, waiter);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Some have free slots. */
  get wantWork(): boolean {
    return this.#byKind.size > 0;
  }

  get free(): number {
    return this.#free;
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

  /** Tasks of this lane for which those that wait have room together, `most` at most. */
  room(entry: LaneEntry, most: number): number {
    let sum = 0;
    for (const one of this.#fitting(entry)) {
      sum += one.free;
      if (sum >= most) return most;
    }
    return sum;
  }

  /** Wakes devices for a lane, those that have waited longest; returns whom. `hint`: somebody says that work has come. */
  wakeForLane(entry: LaneEntry, how: WakeFor, hint = false): GatewayDevice[] {
    const woken: Waiter[] = [];
    let tasks = 'tasks' in how ? how.tasks : Number.POSITIVE_INFINITY;
    const most = 'devices' in how ? how.devices : Number.POSITIVE_INFINITY;
    for (const one of this.#fitting(entry)) {
      if (tasks <= 0 || woken.length >= most) break;
      if (!hint && one.device.pause.leftMs > 0) continue;
      woken.push(one);
      tasks -= one.free;
    }
    return this.#wake(woken, hint);
  }

  *#fitting(entry: LaneEntry): Iterable<Waiter> {
    const lane = { task_type: entry.task_type, required_capabilities: entry.requires };
    const key = entry.lane.toString('hex');
    for (const [kind, same] of this.#byKind) {
      // What its kind cannot run, none of thousands need be asked for.
      if (!kind.accepts(lane, key)) continue;
      for (const one of same) if (this.fits(one, entry)) yield one;
    }
  }

  /** Wakes those at which tasks are directed. */
  wakeDevices(keys: ReadonlySet<string>, hint = false): GatewayDevice[] {
    if (keys.size === 0) return [];
    const woken = [...this.#all.keys()].filter(({ device, free }) => free > 0 && keys.has(device.key));
    return this.#wake(
      woken.filter((one) => hint || one.device.pause.leftMs <= 0),
      hint,
    );
  }

  /** Something else has changed for this device; absent = for all. */
  news(device?: GatewayDevice): void {
    const heard = device === undefined ? this.#all.keys() : (this.#byDevice.get(device) ?? []);
    for (const one of [...heard]) one.wake();
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

function put<K>(map: Map<K, Set<Waiter>>, key: K, waiter: Waiter): void {
  const same = map.get(key);
  if (same === undefined) map.set(key, new Set([waiter]));
  else same.add(waiter);
}

function take<K>(map: Map<K, Set<Waiter>>, key: K, waiter: Waiter): void {
  const same = map.get(key);
  if (same?.delete(waiter) === true && same.size === 0) map.delete(key);
}

/** Finds an entry by its lane and rank. */
export function entryOf(entries: LaneEntry[], laneRank: LaneRank): LaneEntry | undefined {
  const key = laneRankKey(laneRank);
  return entries.find((one) => laneRankKey(one) === key);
}
