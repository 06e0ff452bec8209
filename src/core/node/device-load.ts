import type { Beat, DeviceReadings } from '../db/devices/heartbeat-device.ts';
import type { StuckTask } from '../domain/placement/device-view.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Identity } from './device-identity.ts';
import { DeviceProbe } from './device-probe.ts';
import type { LivenessSettings } from './liveness-messages.ts';
import { ServedWindow } from './recent-claims.ts';
import { GateKeeper } from './resource-limits.ts';

/** How busy this device is: its slots, its turns, its machine. What a heartbeat says beside that it lives. */
export class DeviceLoad {
  readonly #slots: number;
  readonly #gatesIntervalMs: number;
  readonly #probe = new DeviceProbe();
  readonly #served = new ServedWindow();
  readonly #gates: GateKeeper;
  #running = 0;
  /** Slots that are held by handlers whose attempt has ended. */
  stuck: StuckTask[] = [];

  constructor(
    settings: Pick<LivenessSettings, 'slots' | 'gates' | 'gatesIntervalMs'>,
    onHeld: (reasons: string[]) => void,
  ) {
    this.#slots = settings.slots;
    this.#gatesIntervalMs = settings.gatesIntervalMs;
    this.#gates = new GateKeeper(this.#probe, settings.gates, onHeld);
  }

  start(): void {
    void this.#probe.refresh();
    this.#gates.start(this.#gatesIntervalMs);
  }

  stop(): void {
    this.#gates.stop();
  }

  /** `count`: slots in use. `claimed`: tasks claimed since the start. */
  note({ count, claimed }: { count: number; claimed: number }): void {
    this.#running = count;
    this.#served.note(claimed, monotonic());
  }

  beat({ deviceId, instanceToken }: Pick<Identity, 'deviceId' | 'instanceToken'>): Beat {
    return {
      device_id: deviceId,
      instance_token: instanceToken,
      status: this.#slots > 0 && this.#running >= this.#slots ? 'busy' : 'online',
      active_tasks: this.#running,
      served: this.#served.count(monotonic()),
      held: this.#gates.held,
      stuck: this.stuck,
    };
  }

  /** Of the machine; null where it could not be read. Starts a reading for the next call. */
  readings(): DeviceReadings {
    return this.#probe.read();
  }
}
