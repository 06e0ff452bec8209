import type { DeviceState } from '../../db/gateway/device-states.ts';
import { sleep } from '../../runtime/loop.ts';
import { ClaimPause } from '../../worker/claim/claim-pause.ts';
import type { DeviceKind } from './device-kind.ts';

/** A device that this gateway serves: a copy of its row, and what it did here. */
export interface GatewayDevice {
  /** As its row spells it; `key` is the same for each spelling. */
  id: string;
  key: string;
  /** Instance token of the process that owns the id. */
  token: Buffer;
  /** It knows no instance: its id is enough. */
  plain: boolean;
  kind: DeviceKind;
  slots: number;
  operator_state: string;
  status: string;
  /** The gateway that its row names, as it was read or written here last. */
  gateway_id: string | null;
  /** Seconds for which it may be silent. */
  offline_for: number;
  /** Slots in use, as far as it has said. */
  running: number;
  /** Counts what a waiting device should hear of. */
  version: number;
  /** Attempts that an operator has revoked, as they were told last. */
  revoked: string;
  /** Monotonic ms of its last call. */
  active_at: number;
  /** Of its last call that the lease is written for. */
  written_for: number;
  /** When the lease was written here; -Infinity = not yet. */
  written_at: number;
  /** The lease as it was written here last; undefined = not yet. */
  lease_until: string | undefined;
  /** Calls that wait. */
  waits: number;
  /** Monotonic ms at which the connection of one of them was closed; undefined = it has called since. */
  closed_at: number | undefined;
  /** Until a task is committed for which it was woken; undefined = none is being written, as far as is known here. */
  expected: Promise<void> | undefined;
  /** After claims that brought nothing. */
  pause: ClaimPause;
}

export function gatewayDevice(state: DeviceState, token: Buffer, kind: DeviceKind, now: number): GatewayDevice {
  return {
    id: state.device_id,
    key: keyOf(state.device_id),
    token,
    plain: state.version === null,
    kind,
    slots: state.slots,
    operator_state: state.operator_state,
    status: state.status,
    gateway_id: state.gateway_id,
    offline_for: state.offline_for ?? 0,
    running: 0,
    version: 1,
    revoked: '',
    active_at: now,
    written_for: Number.NEGATIVE_INFINITY,
    written_at: Number.NEGATIVE_INFINITY,
    lease_until: undefined,
    waits: 0,
    closed_at: undefined,
    expected: undefined,
    pause: new ClaimPause(),
  };
}

/** A claim waits no longer than this for what is being written, in milliseconds. */
export const EXPECT_MS = 100;

/** Before a claim: what the device was woken for is committed, or has taken too long. */
export async function expected(device: GatewayDevice): Promise<void> {
  const one = device.expected;
  if (one === undefined) return;
  await sleep(EXPECT_MS, undefined, one);
  if (device.expected === one) device.expected = undefined;
}

/** Device ids are equal without regard to case. */
export function keyOf(deviceId: string): string {
  return deviceId.toLowerCase();
}
