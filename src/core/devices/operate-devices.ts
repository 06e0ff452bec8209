// What an operator says about devices. None of it fakes life or death: status and heartbeat are the device's own.

import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { type DeviceByHand, registerByHand } from '../db/devices/register-by-hand.ts';
import type { Removal } from '../db/devices/remove-device.ts';
import { lockHolder, lockName, schemaName } from '../db/devices/session-lock.ts';
import { countOpen, type OperatedDevice } from '../db/devices/set-operator-state.ts';
import type { Session } from '../db/session.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { slotsOf } from '../domain/slots.ts';
import { counted } from '../domain/text/counted.ts';
import { assertDeviceId, placeOf } from '../node/device-identity.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { deviceEntry, type OperatedState, removeAudited, stateAudited } from './audited-acts.ts';
import { resolveDeviceId } from './find-device.ts';

export type { DeviceByHand };

export interface RegisteredDevice {
  device_id: string;
  /** False = it was there, and what was given was written over. */
  created: boolean;
  /** Set when the slots that were given are not those that the capabilities name. */
  warning?: string;
}

export interface StatedDevice extends OperatedDevice {
  /** Open attempts: what it still runs. */
  current_tasks: number;
}

export interface RemovedDevice {
  device_id: string;
  removed: true;
  /** Attempts that it held: the leader takes them back. */
  orphaned: number;
}

/** Writes a device row for an operator. @throws AfdError E_USAGE, E_DEVICE_RUNNING; DatabaseError */
export async function registerDevice(context: Context, device: DeviceByHand, by: Actor): Promise<RegisteredDevice> {
  const { names, config } = context;
  const { device_id } = device;
  assertDeviceId(device_id);
  const session = await context.session();
  const heartbeatTimeoutS = config.master.heartbeat_timeout;
  const named = slotsOf(device.capabilities);
  const max_concurrent_tasks = device.max_concurrent_tasks ?? named;
  const row = { ...device, max_concurrent_tasks };
  const options = { lockName: lockName(await schemaName(session), names.prefix, device_id), heartbeatTimeoutS };
  const write = () => registerByHand(session, names, row, options);
  const wrote = await audited({ session, names }, by, write, (done) =>
    done === 'alive' ? undefined : deviceEntry('register', device_id, { after: row }),
  );
  if (wrote !== 'alive') {
    const done = { device_id, created: wrote === 'created' };
    if (named === undefined || named === max_concurrent_tasks) return done;
    const warning = `capabilities.max_concurrent is ${named}, but --slots is ${max_concurrent_tasks}; the latter is used.`;
    return { ...done, warning };
  }
  const holder = await lockHolder(session, names, device_id, heartbeatTimeoutS);
  const where = holder === undefined ? '' : ` ${placeOf(holder)}`;
  throw new AfdError(
    'E_DEVICE_RUNNING',
    `${device_id} is running${where}, and a running device maintains its own row.`,
    {
      suggestions: [`afd devices show ${device_id}`],
      data: { device_id },
    },
  );
}

/** All ids are found before anything changes. @throws AfdError E_NOT_FOUND, E_USAGE; DatabaseError */
export async function setOperatorStates(
  context: Context,
  typed: string[],
  state: OperatedState,
  command: string,
  by: Actor,
): Promise<StatedDevice[]> {
  const session = await context.session();
  const ids = await resolveAll(context, session, typed, command);
  const devices: StatedDevice[] = [];
  for (const id of ids) {
    const operated = await stateAudited({ session, names: context.names }, id, { state, by });
    if (operated === undefined) throw gone(id);
    devices.push({ ...operated, current_tasks: await countOpen(session, context.names, id) });
  }
  return devices;
}

/**
 * Waits until these devices run nothing any more. Asks at growing intervals up to 2 s.
 * @throws AfdError E_TIMED_OUT (`data.devices`), DatabaseError
 */
export async function waitUntilEmpty(
  context: Context,
  devices: StatedDevice[],
  timeoutS: number | undefined,
): Promise<StatedDevice[]> {
  const session = await context.session();
  const end = timeoutS === undefined ? Number.POSITIVE_INFINITY : monotonic() + timeoutS * 1000;
  for (let pause = 100; ; pause = Math.min(pause * 1.5, 2000)) {
    const now: StatedDevice[] = [];
    for (const one of devices) {
      now.push({ ...one, current_tasks: await countOpen(session, context.names, one.device_id) });
    }
    const busy = now.filter((one) => one.current_tasks > 0);
    if (busy.length === 0) return now;
    const left = end - monotonic();
    if (left <= 0) {
      const what = busy.map((one) => `${one.device_id} (${one.current_tasks})`).join(', ');
      throw new AfdError('E_TIMED_OUT', `Timed out after ${timeoutS} s; tasks are still running: ${what}.`, {
        suggestions: [`afd devices show ${busy[0]!.device_id}`],
        data: { devices: now },
      });
    }
    await sleep(Math.min(pause, left));
  }
}

/** @throws AfdError E_NOT_FOUND, E_CONFLICT; E_PARTIAL when some of several stayed; DatabaseError */
export async function removeDevices(
  context: Context,
  typed: string[],
  { force, by }: { force: boolean; by: Actor },
): Promise<RemovedDevice[]> {
  const session = await context.session();
  const ids = await resolveAll(context, session, typed, 'afd devices rm');
  const heartbeatTimeoutS = context.config.master.heartbeat_timeout;
  const devices: RemovedDevice[] = [];
  const refused: AfdError[] = [];
  for (const id of ids) {
    const removal = await removeAudited({ session, names: context.names }, id, { force, heartbeatTimeoutS, by });
    if (removal === undefined) refused.push(gone(id));
    else if (removal.removed) devices.push({ device_id: id, removed: true, orphaned: removal.open_attempts });
    else refused.push(stays(removal));
  }
  if (refused.length === 0) return devices;
  if (ids.length === 1) throw refused[0]!;
  throw new AfdError(
    'E_PARTIAL',
    `${refused.length} of ${ids.length} devices were not removed. ${sentences(refused)}`,
    {
      suggestions: [...new Set(refused.flatMap((one) => one.suggestions))],
      data: { devices, failed: refused.map(({ code, message, data }) => ({ ...data, code, message })) },
    },
  );
}

async function resolveAll(context: Context, session: Session, typed: string[], command: string): Promise<string[]> {
  const ids = new Set<string>();
  for (const one of typed) ids.add(await resolveDeviceId(session, context.names, one, command));
  return [...ids];
}

export function stays({ device_id, alive, open_attempts, referenced }: Removal): AfdError {
  const why = referenced
    ? 'its history references it by a foreign key'
    : [alive ? 'is running' : '', open_attempts > 0 ? `holds ${counted(open_attempts, 'open attempt')}` : '']
        .filter((part) => part !== '')
        .join(' and ');
  const message = referenced ? `Device ${device_id} was not removed: ${why}.` : `Device ${device_id} ${why}.`;
  return new AfdError('E_CONFLICT', message, {
    suggestions: referenced
      ? [`afd devices pause ${device_id}`]
      : [`afd devices drain ${device_id} --wait`, `afd devices rm ${device_id} --force`],
    data: { device_id, alive, open_attempts },
  });
}

export function gone(id: string): AfdError {
  return new AfdError('E_NOT_FOUND', `There is no device "${id}".`, {
    suggestions: ['afd devices ls'],
    data: { device_id: id },
  });
}

function sentences(errors: AfdError[]): string {
  return errors.map((one) => one.message).join(' ');
}
