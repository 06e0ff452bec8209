// The devices that this gateway serves now. The rows are the truth: what is kept here is read again when the database contradicts it.
import { type DeviceState, deviceStates } from '../../db/gateway/device-states.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { AfdError } from '../../domain/errors.ts';
import { monotonic } from '../../runtime/clock.ts';
import { Gatherer } from '../../runtime/gatherer.ts';
import type { RequestContexts } from '../requests/request-contexts.ts';
import type { DeviceKinds } from './device-kind.ts';
import { type GatewayDevice, gatewayDevice, keyOf } from './gateway-device.ts';

/** Rows that one statement reads. */
const MOST_ROWS = 500;

export class DeviceRegistry {
  readonly #devices = new Map<string, GatewayDevice>();
  readonly #kinds: DeviceKinds;
  readonly #names: TableNames;
  readonly #reads: Gatherer<string, DeviceState | undefined>;
  readonly #onGone: (device: GatewayDevice) => void;

  /** `onGone`: another instance owns its id, or its row is gone. */
  constructor(
    requests: RequestContexts,
    names: TableNames,
    kinds: DeviceKinds,
    onGone: (device: GatewayDevice) => void,
  ) {
    this.#names = names;
    this.#kinds = kinds;
    this.#onGone = onGone;
    const read = (ids: string[]) =>
      requests.use(async (context) => {
        const states = await deviceStates(await context.session(), context.names, [...new Set(ids)]);
        const found = new Map(states.map((one) => [keyOf(one.device_id), one]));
        return ids.map((id) => found.get(keyOf(id)));
      });
    this.#reads = new Gatherer(read, MOST_ROWS);
  }

  get all(): Iterable<GatewayDevice> {
    return this.#devices.values();
  }

  get size(): number {
    return this.#devices.size;
  }

  known(deviceId: string): GatewayDevice | undefined {
    return this.#devices.get(keyOf(deviceId));
  }

  /** The device under this instance token. @throws AfdError E_SUPERSEDED; DatabaseError */
  async instance(deviceId: string, token: Buffer): Promise<GatewayDevice> {
    const known = this.known(deviceId);
    if (known?.token.equals(token) === true) return known;
    const state = await this.#reads.add(deviceId);
    if (state?.instance_token?.equals(token) === true && !state.locked) return this.take(state);
    this.#refresh(deviceId, state);
    throw superseded(deviceId, state);
  }

  /** A client that knows no token. @throws AfdError E_NOT_FOUND, E_CONFLICT, E_DEVICE_RUNNING; DatabaseError */
  async plain(deviceId: string): Promise<GatewayDevice> {
    const known = this.known(deviceId);
    if (known?.plain === true) return known;
    const state = await this.#reads.add(deviceId);
    if (state === undefined)
      throw new AfdError('E_NOT_FOUND', `There is no device "${deviceId}". Register it first.`, {
        suggestions: ['afd devices ls'],
        data: { device_id: deviceId },
      });
    const { locked, version, gateway_id, instance_token } = state;
    if (locked || version !== null) throw running(deviceId);
    if (gateway_id === null || instance_token === null)
      throw new AfdError('E_CONFLICT', `${deviceId} has not registered at a gateway. Register it first.`, {
        data: { device_id: deviceId },
      });
    return this.take(state);
  }

  /** Its row, as it was read now or written here. */
  take(state: DeviceState): GatewayDevice {
    const key = keyOf(state.device_id);
    const before = this.#devices.get(key);
    const token = state.instance_token!;
    if (before?.token.equals(token) === true) {
      this.#update(before, state);
      return before;
    }
    if (before !== undefined) this.forget(before);
    const device = gatewayDevice(state, token, this.#kinds.of(state.kind, state.capabilities), monotonic());
    this.#devices.set(key, device);
    return device;
  }

  /** Their rows. @throws DatabaseError */
  read(session: Session, ids: string[]): Promise<DeviceState[]> {
    return deviceStates(session, this.#names, ids);
  }

  /** What was read of devices that may be behind this gateway. */
  seen(states: DeviceState[]): void {
    for (const state of states) this.#refresh(state.device_id, state);
  }

  /** Reads these again: the database does not know them as they are known here. @throws DatabaseError */
  async check(devices: GatewayDevice[]): Promise<void> {
    await Promise.all(devices.map(async (one) => this.#refresh(one.id, await this.#reads.add(one.id))));
  }

  /** It is not behind this gateway any more. */
  forget(device: GatewayDevice): void {
    if (this.#devices.get(device.key) === device) this.#devices.delete(device.key);
    device.version += 1;
    this.#onGone(device);
  }

  #refresh(deviceId: string, state: DeviceState | undefined): void {
    const device = this.known(deviceId);
    if (device === undefined) return;
    if (state?.instance_token?.equals(device.token) !== true || state.locked) this.forget(device);
    else this.#update(device, state);
  }

  #update(device: GatewayDevice, state: DeviceState): void {
    if (device.operator_state !== state.operator_state) device.version += 1;
    device.operator_state = state.operator_state;
    device.status = state.status;
    device.gateway_id = state.gateway_id;
    device.kind = this.#kinds.of(state.kind, state.capabilities);
    device.slots = state.slots;
    device.offline_for = state.offline_for ?? 0;
  }
}

export function running(deviceId: string): AfdError {
  return new AfdError('E_DEVICE_RUNNING', `${deviceId} is in use by another process.`, {
    suggestions: [`afd devices show ${deviceId}`],
    data: { device_id: deviceId },
  });
}

export function superseded(deviceId: string, state: DeviceState | undefined): AfdError {
  const why = state === undefined ? 'was removed' : 'was taken over by another process';
  return new AfdError('E_SUPERSEDED', `${deviceId} ${why}.`, { data: { device_id: deviceId } });
}
