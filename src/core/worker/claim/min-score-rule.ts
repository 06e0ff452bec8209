import type { DeviceView } from '../../domain/placement/device-view.ts';
import { eligible } from '../../domain/placement/eligible.ts';
import type { Lane } from '../../domain/placement/lane.ts';
import { aboveMinimum } from '../../domain/placement/min-score.ts';
import type { PlacementPolicy } from '../../domain/placement/policy.ts';
import { type Fleet, fleetOf, score } from '../../domain/placement/score.ts';

interface Others {
  /** One of them is not below the minimum. */
  better: boolean;
  fleet: Fleet;
}

/**
 * The min-score rule: whether this device defers in a lane to better ones (`load_balancer.min_score`). Its own load is
 * current; what it knows of the others is a tick old.
 */
export class MinScoreRule {
  readonly #deviceId: string;
  readonly #policy: PlacementPolicy;
  readonly #running: () => number;
  #devices: DeviceView[] | undefined;
  /** By lane; the devices as they were last read. */
  readonly #others = new Map<string, Others>();

  /** `policy`: the configuration's own object, which the fleet may change. `running`: slots in use here. */
  constructor(deviceId: string, policy: PlacementPolicy, running: () => number) {
    this.#deviceId = deviceId;
    this.#policy = policy;
    this.#running = running;
  }

  /** There is a minimum, so the other devices must be known. */
  get wanted(): boolean {
    return this.#policy.min_score > 0;
  }

  /** They must be known, and are not yet: nothing is claimed until then. */
  get unknown(): boolean {
    return this.wanted && this.#devices === undefined;
  }

  /** Undefined = they were not read this time: what was known of them holds while they are wanted. */
  update(devices: DeviceView[] | undefined): void {
    if (devices === undefined && this.wanted) return;
    this.#devices = devices;
    this.#others.clear();
  }

  /** True when this device does not claim from the lane now. */
  defers(lane: Lane): boolean {
    if (!this.wanted) return false;
    if (this.#devices === undefined) return true;
    const own = this.#devices.find((one) => one.device_id === this.#deviceId);
    if (own === undefined) return false;
    const { better, fleet } = this.#othersFor(lane, this.#devices);
    return (
      better && score({ ...own, running: this.#running() }, lane, fleet, this.#policy).total < this.#policy.min_score
    );
  }

  #othersFor(lane: Lane, devices: DeviceView[]): Others {
    const key = JSON.stringify([lane.task_type, lane.required_capabilities]);
    let others = this.#others.get(key);
    if (others === undefined) {
      const above = aboveMinimum(lane, devices, this.#policy);
      others = {
        better: above.some((one) => one.device_id !== this.#deviceId),
        fleet: fleetOf(devices.filter((one) => eligible(one, lane).ok)),
      };
      this.#others.set(key, others);
    }
    return others;
  }
}
