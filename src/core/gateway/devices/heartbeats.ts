// Heartbeats of the devices behind this gateway: those that arrive together are written together, and each is answered when it is written.
import { beatDevices, type RemoteBeat, writeHistory } from '../../db/gateway/beat-devices.ts';
import type { DeviceOpenAttempt } from '../../db/gateway/open-of-devices.ts';
import { utcToIso } from '../../db/rows.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import { Gatherer } from '../../runtime/gatherer.ts';
import type { RequestContexts } from '../requests/request-contexts.ts';
import { type DeviceRegistry, superseded } from './device-registry.ts';
import { type GatewayDevice, keyOf } from './gateway-device.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** Devices of one statement, which compares each with each. */
const MOST_ROWS = 100;

/** What a device says of itself. */
export type Said = Omit<RemoteBeat, 'device_id' | 'instance_token'>;

export interface HeartbeatsOptions {
  requests: RequestContexts;
  keeper: LeaseKeeper;
  registry: DeviceRegistry;
  gatewayId: string;
  events: Events;
}

interface Wanted {
  device: GatewayDevice;
  said: Said;
}

interface Answer {
  /** Undefined = another instance owns the id, or the row is gone. */
  device: { operator_state: string; status: string } | undefined;
  open: DeviceOpenAttempt[];
  now: string;
}

export interface BeatAnswer extends Answer {
  device: NonNullable<Answer['device']>;
}

export class Heartbeats {
  readonly #gatherer: Gatherer<Wanted, Answer>;
  readonly #o: HeartbeatsOptions;
  #historyFails = false;

  constructor(options: HeartbeatsOptions) {
    this.#o = options;
    this.#gatherer = new Gatherer((wanted) => this.#write(wanted), MOST_ROWS);
  }

  /** @throws AfdError E_SUPERSEDED; DatabaseError */
  async beat(device: GatewayDevice, said: Said): Promise<BeatAnswer> {
    const answer = await this.#gatherer.add({ device, said });
    if (answer.device === undefined) throw superseded(device.id, undefined);
    return { ...answer, device: answer.device };
  }

  async #write(wanted: Wanted[]): Promise<Answer[]> {
    const { requests, keeper } = this.#o;
    const answers = new Map<GatewayDevice, Answer>();
    const byLease = new Map<number, Map<GatewayDevice, Said>>();
    for (const { device, said } of wanted) {
      const leaseS = keeper.leaseS(device);
      byLease.set(leaseS, (byLease.get(leaseS) ?? new Map()).set(device, said));
    }
    await requests.use(async (context) => {
      for (const [leaseS, beats] of byLease) {
        const at = monotonic();
        const session = await context.session();
        const rows = [...beats].map(([{ id, token }, said]) => ({ ...said, device_id: id, instance_token: token }));
        rows.sort((a, b) => (a.device_id < b.device_id ? -1 : 1));
        const view = await beatDevices(session, context.names, rows, { gatewayId: this.#o.gatewayId, leaseS });
        this.#o.registry.seen(view.states);
        const states = new Map(view.states.map((one) => [keyOf(one.device_id), one]));
        for (const device of beats.keys()) {
          const state = states.get(device.key);
          const ours = state?.instance_token?.equals(device.token) === true && state;
          if (ours) keeper.wrote(device, view.lease_until, at);
          else this.#o.registry.forget(device);
          const open = view.open.filter((one) => keyOf(one.device_id) === device.key);
          const now = utcToIso(view.now) ?? '';
          answers.set(device, { device: ours ? ours : undefined, open, now });
        }
        await this.#history(() => writeHistory(session, context.names, rows));
      }
    });
    return wanted.map(({ device }) => answers.get(device)!);
  }

  /** Best effort: the heartbeats themselves are written. */
  async #history(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#historyFails = false;
    } catch (error) {
      const message = `The history of heartbeats cannot be written: ${(error as Error).message}`;
      if (!this.#historyFails) this.#o.events.emit('warning', { message });
      this.#historyFails = true;
    }
  }
}
