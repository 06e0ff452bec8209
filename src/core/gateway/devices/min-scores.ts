import type { DeviceView } from '../../domain/placement/device-view.ts';
import type { PlacementPolicy } from '../../domain/placement/policy.ts';
import type { LaneEntry } from '../../worker/claim/lane-entry.ts';
import { MinScoreRule } from '../../worker/claim/min-score-rule.ts';
import type { GatewayDevice } from './gateway-device.ts';

/** The min-score rule for each device behind this gateway: what is known of the fleet is read once for all. */
export class MinScores {
  readonly #policy: PlacementPolicy;
  #devices: DeviceView[] | undefined;
  #rules = new WeakMap<GatewayDevice, MinScoreRule>();

  /** `policy`: the configuration's own object, which the fleet may change. */
  constructor(policy: PlacementPolicy) {
    this.#policy = policy;
  }

  get wanted(): boolean {
    return this.#policy.min_score > 0;
  }

  /** Undefined = they were not read this time. */
  update(devices: DeviceView[] | undefined): void {
    if (devices === undefined && this.wanted) return;
    this.#devices = devices;
    this.#rules = new WeakMap();
  }

  defers(device: GatewayDevice, entry: LaneEntry): boolean {
    if (!this.wanted) return false;
    let rule = this.#rules.get(device);
    if (rule === undefined) {
      rule = new MinScoreRule(device.id, this.#policy, () => device.running);
      rule.update(this.#devices);
      this.#rules.set(device, rule);
    }
    return rule.defers({ task_type: entry.task_type, required_capabilities: entry.requires });
  }
}
