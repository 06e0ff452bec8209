import type { DeviceLoss } from '../../domain/attempt/lost.ts';

/** A device as its row says it is now; undefined = removed. */
export type DeviceNow = { status: string; instance_token: Buffer | null } | undefined;

/** The devices that this term has declared dead, and what was taken from each: for the cause in the rows, and for the log. */
export class Deaths {
  readonly #taken = new Map<string, number>();

  /** So that its attempts get a death as their cause, and not merely that the device is offline. Counted by `takenFrom`. False = it was. */
  declare(deviceId: string): boolean {
    const key = deviceId.toLowerCase();
    if (this.#taken.has(key)) return false;
    this.#taken.set(key, 0);
    return true;
  }

  note(deviceId: string, tasks: number): void {
    const key = deviceId.toLowerCase();
    const taken = this.#taken.get(key);
    if (taken !== undefined) this.#taken.set(key, taken + tasks);
  }

  /** Attempts taken from a device since it was declared dead; forgets them. */
  takenFrom(deviceId: string): number {
    const taken = this.#taken.get(deviceId.toLowerCase()) ?? 0;
    this.#taken.delete(deviceId.toLowerCase());
    return taken;
  }

  /** Why an attempt of this device and instance is lost. Undefined = its device is back. */
  causeOfLoss(
    device: DeviceNow,
    attempt: { device_id: string; instance_token: Buffer | null },
  ): DeviceLoss | undefined {
    if (device === undefined) return 'device_removed';
    if (device.status === 'offline') {
      return this.#taken.has(attempt.device_id.toLowerCase()) ? 'device_dead' : 'device_offline';
    }
    const { instance_token } = attempt;
    const same = instance_token === null || device.instance_token?.equals(instance_token) === true;
    return same ? undefined : 'superseded';
  }
}
