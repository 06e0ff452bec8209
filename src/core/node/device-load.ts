import type { Beat, DeviceReadings } from '../db/devices/heartbeat-device.ts';
import type { StuckTask } from '../domain/placement/device-view.ts';
import { hasLimits } from '../domain/placement/resource-limits.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import type { Identity } from './device-identity.ts';
import { DeviceProbe } from './device-probe.ts';
import { LimitWatch } from './limit-watch.ts';
import type { LivenessSettings } from './liveness-messages.ts';
import { RecentClaims } from './recent-claims.ts';

type DeviceLoadSettings = Pick<LivenessSettings, 'slots' | 'limits' | 'limitsIntervalMs'>;

/**
 * How busy this device is: its slots, its turns, its machine. What a heartbeat says in addition to "alive". While it runs,
 * it compares the machine with its resource limits, between the heartbeats too; without limits it reads only at its start.
 */
export class DeviceLoad extends Service {
  readonly #settings: DeviceLoadSettings;
  readonly #probe = new DeviceProbe();
  readonly #recentClaims = new RecentClaims();
  readonly #limits: LimitWatch;
  #running = 0;
  /** Slots that are held by handlers whose attempt has ended. */
  stuck: StuckTask[] = [];

  constructor(settings: DeviceLoadSettings, onHeld: (reasons: string[]) => void) {
    super();
    this.#settings = settings;
    this.#limits = new LimitWatch(this.#probe, settings.limits, onHeld);
  }

  /** `count`: slots in use. `claimed`: tasks claimed since the start. */
  note({ count, claimed }: { count: number; claimed: number }): void {
    this.#running = count;
    this.#recentClaims.note(claimed, monotonic());
  }

  beat({ deviceId, instanceToken }: Pick<Identity, 'deviceId' | 'instanceToken'>): Beat {
    const { slots } = this.#settings;
    return {
      device_id: deviceId,
      instance_token: instanceToken,
      status: slots > 0 && this.#running >= slots ? 'busy' : 'online',
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

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { limits, limitsIntervalMs } = this.#settings;
    running();
    void this.#probe.refresh();
    while (hasLimits(limits) && !signal.aborted) {
      await this.#limits.check();
      await sleep(limitsIntervalMs, signal);
    }
    await untilAborted(signal);
    await this.#probe.idle();
  }
}
