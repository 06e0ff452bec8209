// Keeps the leases of the devices that are served here, for all of them together: each call of a device is a sign of life, and a
// few statements a second write them down, however many devices call. A device whose waiting connection was closed, and that
// does not come back, loses its lease at once, unless another gateway has extended it.
import { endLeases } from '../../db/gateway/end-leases.ts';
import { renewLeases } from '../../db/gateway/renew-leases.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { ServedDevice } from './served-device.ts';
import type { ServedDevices } from './served-devices.ts';

/** Rows of one statement. */
const MOST_ROWS = 500;
/** How long a device whose connection was closed may take to come back. */
const BACK_MS = 1500;
/** A lease is this part of heartbeat_timeout, and is written again after that part of it: so it ends by heartbeat_timeout. */
const LEASE_PART = 0.85;
const AGAIN_PART = 0.1;

export interface LeaseKeeperOptions {
  session: () => Promise<Session>;
  names: TableNames;
  gatewayId: string;
  served: ServedDevices;
  /** The configuration's own object: the fleet may change it. */
  master: { readonly heartbeat_timeout: number };
}

export class LeaseKeeper {
  readonly #o: LeaseKeeperOptions;

  constructor(options: LeaseKeeperOptions) {
    this.#o = options;
  }

  /** Seconds for which a call of this device extends its lease. */
  leaseS({ offline_for }: Pick<ServedDevice, 'offline_for'>): number {
    return Math.max(offline_for, this.#o.master.heartbeat_timeout * LEASE_PART);
  }

  /** The device has called. */
  touch(device: ServedDevice): void {
    device.active_at = monotonic();
    device.closed_at = undefined;
  }

  /** The connection on which it waited was closed. */
  closed(device: ServedDevice): void {
    if (device.offline_for === 0 && device.waits === 0) device.closed_at = monotonic();
  }

  /** Its lease was written with something else. */
  wrote(device: ServedDevice, leaseUntil: string, at: number): void {
    device.lease_until = leaseUntil;
    device.written_at = at;
    device.written_for = at;
  }

  /** Some times a second. @throws DatabaseError */
  async round(): Promise<void> {
    const now = monotonic();
    const timeoutMs = this.#o.master.heartbeat_timeout * 1000;
    const due = new Map<number, ServedDevice[]>();
    const gone: ServedDevice[] = [];
    for (const one of this.#o.served.all) {
      const silent = now - one.active_at;
      if (one.waits === 0 && silent > 2 * Math.max(timeoutMs, one.offline_for * 1000)) this.#o.served.forget(one);
      else if (one.active_at > one.written_for && now - one.written_at >= timeoutMs * AGAIN_PART) {
        const leaseS = this.leaseS(one);
        const same = due.get(leaseS);
        if (same === undefined) due.set(leaseS, [one]);
        else same.push(one);
      } else if (one.closed_at !== undefined && now - one.closed_at >= BACK_MS) gone.push(one);
    }
    for (const [leaseS, devices] of due) {
      for (let n = 0; n < devices.length; n += MOST_ROWS) await this.#renew(devices.slice(n, n + MOST_ROWS), leaseS);
    }
    for (let n = 0; n < gone.length; n += MOST_ROWS) await this.#end(gone.slice(n, n + MOST_ROWS));
  }

  async #renew(devices: ServedDevice[], leaseS: number): Promise<void> {
    const { names, gatewayId, served } = this.#o;
    const at = monotonic();
    const rows = devices.map((one) => ({ device_id: one.id, instance_token: one.token }));
    const { renewed, lease_until } = await renewLeases(await this.#o.session(), names, rows, { gatewayId, leaseS });
    for (const one of devices) this.wrote(one, lease_until, at);
    if (renewed < devices.length) await served.check(devices);
  }

  async #end(devices: ServedDevice[]): Promise<void> {
    // One that called since then is alive.
    const still = devices.filter((one) => one.closed_at !== undefined && one.lease_until !== undefined);
    for (const one of devices) one.closed_at = undefined;
    if (still.length === 0) return;
    const rows = still.map((one) => ({ device_id: one.id, instance_token: one.token, lease_until: one.lease_until! }));
    try {
      await endLeases(await this.#o.session(), this.#o.names, rows);
    } catch (error) {
      // Tried again in the next round, unless it calls meanwhile.
      for (const one of still) one.closed_at ??= monotonic() - BACK_MS;
      throw error;
    }
    // What it writes next is written at once.
    for (const one of still) {
      one.lease_until = undefined;
      one.written_at = Number.NEGATIVE_INFINITY;
    }
  }
}
