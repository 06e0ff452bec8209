import { randomBytes } from 'node:crypto';
import { isConnectionLost } from '../db/database-error.ts';
import { type DeviceRegistration, registerDevice } from '../db/devices/register-device.ts';
import {
  type Holder,
  lockHolder,
  lockName,
  releaseSessionLock,
  schemaName,
  takeSessionLock,
} from '../db/devices/session-lock.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';
import { Backoff } from '../runtime/backoff.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import type { LivenessSettings } from './liveness-messages.ts';

/** device_id: starts with a letter or digit, then letters, digits, dot, underscore, hyphen; at most 64. */
const DEVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Width of its column. */
const MOST_HOST_NAME = 255;
/** Candidates tried when the id was not given: <hostname>, <hostname>-2, … */
const MOST_SUFFIXES = 99;
/** One GET_LOCK waits no longer than this, so that it ends before the call's own deadline. */
const LOCK_SLICE_S = 1;

export interface Identity {
  deviceId: string;
  instanceToken: Buffer;
  lockName: string;
  ipAddress: string;
  /** What was written, to be written again should the database forget it. */
  registration: DeviceRegistration;
  /** Monotonic time before the device row was written: its first heartbeat. */
  registeredAt: number;
}

/** @throws AfdError E_USAGE */
export function assertDeviceId(id: string): void {
  if (DEVICE_ID.test(id)) return;
  throw new AfdError(
    'E_USAGE',
    `"${id}" is not a valid device id: use up to 64 letters, digits, ".", "_" and "-", and start with a letter or digit.`,
    {
      suggestions: ['afd worker --device-id worker-001'],
    },
  );
}

/** A valid device id made of a host name: what is not allowed becomes "-". */
export function deviceIdOf(hostname: string, suffix = ''): string {
  const cleaned = hostname.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return `${(cleaned === '' ? 'device' : cleaned).slice(0, 60 - suffix.length)}${suffix}`;
}

/**
 * Becomes the one live process of a device id: takes its session lock, then writes the device row with a new instance
 * token. A holder whose heartbeat is fresh is refused at once; a silent one is waited for until its session must have
 * ended (heartbeat_timeout).
 * @throws AfdError E_DEVICE_RUNNING
 */
export async function assumeIdentity(
  session: Session,
  names: TableNames,
  settings: LivenessSettings,
  cancelled: () => boolean,
): Promise<Identity> {
  const { deviceId } = settings;
  assertDeviceId(deviceId);
  const schema = await schemaName(session);
  if (!settings.tryNext) {
    const lock = lockName(schema, names.prefix, deviceId);
    return claimId(session, names, settings, { id: deviceId, lock }, cancelled);
  }
  for (let n = 1; n <= MOST_SUFFIXES; n += 1) {
    const id = n === 1 ? deviceId : `${deviceId}-${n}`;
    const name = lockName(schema, names.prefix, id);
    if (!(await takeSessionLock(session, name, 0))) continue;
    if ((await otherHolder(session, names, settings, id)) === undefined)
      return register(session, names, settings, id, name);
    await releaseSessionLock(session, name);
  }
  throw new AfdError('E_DEVICE_RUNNING', `${MOST_SUFFIXES} devices named ${deviceId}… are already running.`, {
    suggestions: ['afd worker --device-id worker-001'],
  });
}

/**
 * Opens the session and assumes the identity; a connection that is lost meanwhile is waited for like a database that is
 * not there, for `waitDatabaseMs`. @throws AfdError E_DEVICE_RUNNING, DatabaseError
 */
export async function startIdentity(
  session: Session,
  names: TableNames,
  settings: LivenessSettings,
  cancelled: () => boolean,
): Promise<Identity> {
  const until = monotonic() + settings.waitDatabaseMs;
  const backoff = new Backoff({ initialMs: 100, maxMs: 1000 });
  for (;;) {
    try {
      await session.ready();
      return await assumeIdentity(session, names, settings, cancelled);
    } catch (error) {
      if (!isConnectionLost(error) || cancelled() || monotonic() >= until) throw error;
      session.destroy();
      await sleep(backoff.next());
    }
  }
}

async function claimId(
  session: Session,
  names: TableNames,
  settings: LivenessSettings,
  { id, lock: name }: { id: string; lock: string },
  cancelled: () => boolean,
): Promise<Identity> {
  const slices = Math.max(1, Math.ceil(settings.heartbeatTimeoutMs / 1000 / LOCK_SLICE_S));
  for (let n = 0; n <= slices; n += 1) {
    const taken = await takeSessionLock(session, name, n === 0 ? 0 : LOCK_SLICE_S);
    const other = taken ? await otherHolder(session, names, settings, id) : undefined;
    const mayMove = n < slices && n * LOCK_SLICE_S * 1000 < settings.lockTrustAfterStartMs;
    if (taken && (other === undefined || (!other.leased && !mayMove)))
      return register(session, names, settings, id, name);
    if (taken) await releaseSessionLock(session, name);
    if (other?.leased === false && !cancelled()) {
      await sleep(LOCK_SLICE_S * 1000);
      continue;
    }
    const holder = other ?? (await lockHolder(session, names, id, settings.heartbeatTimeoutMs / 1000));
    if (holder?.leased === true || holder?.fresh === true || n === slices || cancelled()) {
      const since = holder?.since ? ` since ${holder.since} UTC` : '';
      const where = holder === undefined ? 'elsewhere' : `${placeOf(holder)}${since}`;
      throw new AfdError('E_DEVICE_RUNNING', `${id} is already running ${where}.`, {
        suggestions: [`afd devices show ${id}`, 'afd worker --device-id ANOTHER'],
        data: { device_id: id, host: holder?.host_name ?? null, pid: holder?.pid ?? null },
      });
    }
  }
  throw new AfdError('E_INTERNAL', 'The device id was neither taken nor refused.');
}

/**
 * With the lock of this id: who has the id all the same. A device behind a gateway has no lock; one that had it on another server may
 * not have taken it here yet, and is waited for like after a start of the server.
 */
async function otherHolder(
  session: Session,
  names: TableNames,
  settings: LivenessSettings,
  id: string,
): Promise<Holder | undefined> {
  const holder = await lockHolder(session, names, id, settings.heartbeatTimeoutMs / 1000);
  return holder?.leased === true || holder?.moved === true ? holder : undefined;
}

/** Where the holder of an id is to be found. Its host name is missing in rows of an afd that did not write it. */
export function placeOf({ host_name, pid, ip_address }: Holder): string {
  if (host_name === null) return `at ${ip_address}`;
  return `on ${host_name} (${ip_address}${pid === null ? '' : `, process ${pid}`})`;
}

async function register(
  session: Session,
  names: TableNames,
  settings: LivenessSettings,
  id: string,
  name: string,
): Promise<Identity> {
  const instanceToken = randomBytes(16);
  // On a Unix socket there is no address, and both ends are one machine.
  const ipAddress = settings.ring.address ?? session.facts.localAddress ?? '127.0.0.1';
  const registeredAt = monotonic();
  const registration: DeviceRegistration = {
    device_id: id,
    device_name: settings.deviceName ?? id,
    device_type: settings.deviceType,
    ip_address: ipAddress,
    port: settings.ring.port,
    ring_token: settings.ring.token === undefined ? null : Buffer.from(settings.ring.token, 'hex'),
    capabilities: settings.capabilities,
    max_concurrent_tasks: settings.slots,
    region: settings.region ?? null,
    labels: settings.labels ?? null,
    instance_token: instanceToken,
    lock_name: name,
    heartbeat_interval_ms: settings.heartbeatIntervalMs,
    version: settings.version,
    process: { host_name: settings.hostName.slice(0, MOST_HOST_NAME), pid: settings.pid ?? null },
  };
  await registerDevice(session, names, registration);
  return { deviceId: id, instanceToken, lockName: name, ipAddress, registration, registeredAt };
}
