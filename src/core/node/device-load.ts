import type { Beat, DeviceReadings } from '../db/devices/heartbeat-device.ts';
import type { StuckTask } from '../domain/placement/device-view.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Identity } from './device-identity.ts';
import { DeviceProbe } from './device-probe.ts';
import { LimitWatch } from './limit-watch.ts';
import type { LivenessSettings } from './liveness-messages.ts';
import { RecentClaims } from './recent-claims.ts';

/** How busy this device is: its slots, its turns, its machine. What a heartbeat says in addition to "alive". */
export class DeviceLoad {
  readonly #slots: number;
  readonly #limitsIntervalMs: number;
  readonly #probe = new DeviceProbe();
  readonly #recentClaims = new RecentClaims();
  readonly #limits: LimitWatch;
  #running = 0;
  /** Slots that are held by handlers whose attempt has ended. */
  stuck: StuckTask[] = [];

  constructor(
    settings: Pick<LivenessSettings, 'slots' | 'limits' | 'limitsIntervalMs'>,
    onHeld: (reasons: string[]) => void,
  ) {
    this.#slots = settings.slots;
    this.#limitsIntervalMs = settings.limitsIntervalMs;
    this.#limits = new LimitWatch(this.#probe, settings.limits, onHeld);
  }

  start(): void {
    void this.#probe.refresh();
    this.#limits.start(this.#limitsIntervalMs);
  }

  stop(): void {
    this.#limits.stop();
  }

  /** `count`: slots in use. `claimed`: tasks claimed since the start. */
  note({ count, claimed }: { count: number; claimed: number }): void {
    this.#running = count;
    this.#recentClaims.note(claimed, monotonic());
  }

  beat({ deviceId, instanceToken }: Pick<Identity, 'deviceId' | 'instanceToken'>): Beat {
    return {
      device_id: deviceId,
      instance_token: instanceToken,
      status: this.#slots > 0 && this.#running >= this.#slots ? 'busy' : 'online',
      active_tasks: this.#running,
      recent_claims: this.#recentClaims.count(monotonic()),
      over_limits: this.#limits.overLimits,
      stuck: this.stuck,
    };
  }

  /** Of the machine; null where it could not be read. Starts a reading for the next call. */
  readings(): DeviceReadings {
    return this.#probe.read();
  }
}
