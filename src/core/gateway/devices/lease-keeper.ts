// Keeps the leases of the devices behind this gateway, for all of them together: each call of a device is a sign of life, and a
// few statements a second write them down, however many devices call. A device whose waiting connection was closed, and that
// does not come back, loses its lease at once, unless another gateway has extended it.
import { endLeases } from '../../db/gateway/end-leases.ts';
import { renewLeases } from '../../db/gateway/renew-leases.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { GatewayDevice } from './gateway-device.ts';

/** Rows of one statement. */
const MOST_ROWS = 500;
/** How long a device whose connection was closed may take to come back. */
const BACK_MS = 1500;
/** A lease is written again after this part of heartbeat_timeout. */
const AGAIN_PART = 0.1;
/** The age of a last call is known to this part of it, and a lease is shorter by the same part: so it ends by heartbeat_timeout. */
const AGE_PART = 0.05;

export interface LeaseKeeperOptions {
  session: () => Promise<Session>;
  names: TableNames;
  gatewayId: string;
  registry: DeviceRegistry;
  /** The configuration's own object: the fleet may change it. */
  master: { readonly heartbeat_timeout: number };
}

/** Devices whose leases are written by one statement. */
interface Due {
  leaseS: number;
  here: boolean;
  devices: GatewayDevice[];
}

export class LeaseKeeper {
  readonly #o: LeaseKeeperOptions;

  constructor(options: LeaseKeeperOptions) {
    this.#o = options;
  }

  /** Seconds for which a call of this device extends its lease. */
  leaseS({ offline_for }: Pick<GatewayDevice, 'offline_for'>): number {
    return Math.max(offline_for, this.#o.master.heartbeat_timeout * (1 - AGE_PART));
  }

  /** The device has called. */
  touch(device: GatewayDevice): void {
    device.active_at = monotonic();
    device.closed_at = undefined;
  }

  /** The connection on which it waited was closed. */
  closed(device: GatewayDevice): void {
    if (device.offline_for === 0 && device.waits === 0) device.closed_at = monotonic();
  }

  /** Its lease was written with something else. */
  wrote(device: GatewayDevice, leaseUntil: string, at: number): void {
    device.lease_until = leaseUntil;
    device.written_at = at;
    device.written_for = at;
  }

  /** Some times a second. @throws DatabaseError */
  async round(): Promise<void> {
    const now = monotonic();
    const timeoutMs = this.#o.master.heartbeat_timeout * 1000;
    const due = new Map<string, Due>();
    const gone: GatewayDevice[] = [];
    for (const one of this.#o.registry.all) {
      const silent = now - one.active_at;
      // A heartbeat has written its lease here, and left it to the gateway before: it is rung there, and told nothing new here.
      const moved = one.waits > 0 && one.gateway_id !== this.#o.gatewayId;
      if (one.waits === 0 && silent > 2 * Math.max(timeoutMs, one.offline_for * 1000)) this.#o.registry.forget(one);
      else if (moved || (one.active_at > one.written_for && now - one.written_at >= timeoutMs * AGAIN_PART)) {
        const leaseS = this.leaseS(one) - Math.floor(silent / 1000 / this.#ageS) * this.#ageS;
        const here = one.waits > 0 || one.lease_until === undefined;
        const key = `${leaseS} ${here}`;
        const same = due.get(key);
        if (same === undefined) due.set(key, { leaseS, here, devices: [one] });
        else same.devices.push(one);
      } else if (one.closed_at !== undefined && now - one.closed_at >= BACK_MS) gone.push(one);
    }
    for (const { devices, ...how } of due.values()) {
      for (let n = 0; n < devices.length; n += MOST_ROWS) await this.#renew(devices.slice(n, n + MOST_ROWS), how);
    }
    for (let n = 0; n < gone.length; n += MOST_ROWS) await this.#end(gone.slice(n, n + MOST_ROWS));
  }

  /** Few statements write many leases. */
  get #ageS(): number {
    return this.#o.master.heartbeat_timeout * AGE_PART;
  }

  async #renew(devices: GatewayDevice[], how: Omit<Due, 'devices'>): Promise<void> {
    const { names, gatewayId, registry } = this.#o;
    const at = monotonic();
    const rows = devices.map((one) => ({ device_id: one.id, instance_token: one.token }));
    const { renewed, lease_until } = await renewLeases(await this.#o.session(), names, rows, { gatewayId, ...how });
    for (const one of devices) {
      this.wrote(one, lease_until, at);
      if (how.here) one.gateway_id = gatewayId;
    }
    if (renewed < devices.length) await registry.check(devices);
  }

  async #end(devices: GatewayDevice[]): Promise<void> {
    // One that called since then is alive.
    const still = devices.filter((one) => one.closed_at !== undefined && one.lease_until !== undefined);
    const calls = new Map(still.map((one) => [one, one.active_at]));
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
    // Its next call is written at once; those before are over.
    for (const one of still) {
      one.written_for = calls.get(one)!;
      one.lease_until = undefined;
      one.written_at = Number.NEGATIVE_INFINITY;
    }
  }
}
