// What an operator does to a device through a gateway: one device, by its whole id, and only if it is as it was seen.
import type { Context } from '../context/context.ts';
import { countOpen, type OperatorState } from '../db/devices/set-operator-state.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { removeAudited, stateAudited } from './audited-acts.ts';
import { gone, type RemovedDevice, type StatedDevice, stays } from './operate-devices.ts';

export type { OperatorState };

export const STATE_OF_ACT = { pause: 'paused', resume: 'active', drain: 'draining' } as const;
export type DeviceAct = keyof typeof STATE_OF_ACT;

/** @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function actOnDevice(
  context: Context,
  deviceId: string,
  act: DeviceAct,
  { expect, by }: { expect: OperatorState | undefined; by: Actor },
): Promise<StatedDevice> {
  const session = await context.session();
  const change = { state: STATE_OF_ACT[act], expect, by };
  const stated = await stateAudited({ session, names: context.names }, deviceId, change);
  if (stated === undefined) throw gone(deviceId);
  return { ...stated, current_tasks: await countOpen(session, context.names, stated.device_id) };
}

/** @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function removeOneDevice(
  context: Context,
  deviceId: string,
  { force, expect, by }: { force: boolean; expect: OperatorState | undefined; by: Actor },
): Promise<RemovedDevice> {
  const heartbeatTimeoutS = context.config.master.heartbeat_timeout;
  const options = { force, heartbeatTimeoutS, expect, by };
  const at = { session: await context.session(), names: context.names };
  const removal = await removeAudited(at, deviceId, options);
  if (removal === undefined) throw gone(deviceId);
  if (!removal.removed) throw stays(removal);
  return { device_id: removal.device_id, removed: true, orphaned: removal.open_attempts };
}
