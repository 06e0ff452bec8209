import type { Context } from '../context/context.ts';
import { Session } from '../db/session.ts';
import type { SettingRow } from '../db/settings/read-settings.ts';
import type { TableNames } from '../db/table-names.ts';
import { Elector, type ElectorOptions } from '../election/elector.ts';
import { cannotLead } from '../election/refused-lease.ts';
import { tlsPaths } from '../remote/tls-paths.ts';
import { writerOf } from '../writer/writer-finder.ts';
import { deviceIdOf, type Identity } from './device-identity.ts';
import type { LivenessCommand, LivenessSettings } from './liveness-messages.ts';

/** What a node needs to know in addition to its configuration. */
export interface NodeFacts {
  hostname: string;
  version: string;
  /** Process number of this process; absent = nothing is reported. */
  pid?: number | undefined;
}

const KEEP_WARM_MOST_MS = 10_000;

/** Seconds of the configuration → milliseconds of the liveness thread. */
export function livenessSettings(
  context: Context,
  facts: NodeFacts,
  role: Pick<LivenessSettings, 'deviceType' | 'capabilities' | 'slots' | 'contend'> &
    Partial<Pick<LivenessSettings, 'ring'>>,
): LivenessSettings {
  const { config, address } = context;
  const { master, worker } = config;
  // Processes of a gateway are many on a machine, and beside the worker whose id this is.
  const own = role.deviceType === 'gateway' ? undefined : worker.device_id;
  const { level, format } = config.log;
  const suffix = { master: '-leader', worker: '', gateway: '-gateway' }[role.deviceType];
  return {
    board: undefined,
    log: { fd: context.logFd, format, level },
    waitDatabaseMs: 0,
    address,
    gateway: role.deviceType === 'worker' ? gatewayOf(context) : undefined,
    timeZone: config.database.time_zone,
    tables: config.tables,
    callTimeoutMs: config.database.call_timeout * 1000,
    deviceId: own ?? deviceIdOf(facts.hostname, suffix),
    tryNext: own === undefined,
    deviceName: worker.device_name,
    deviceType: role.deviceType,
    capabilities: role.capabilities,
    slots: role.slots,
    hostName: facts.hostname,
    pid: facts.pid,
    ring: role.ring ?? { address: undefined, port: 0, token: undefined },
    region: worker.region,
    labels: worker.labels,
    version: facts.version,
    limits: role.deviceType === 'worker' ? worker.resource_limits : {},
    limitsIntervalMs: worker.resource_limits.interval * 1000,
    heartbeatIntervalMs: worker.heartbeat_interval * 1000,
    heartbeatTimeoutMs: master.heartbeat_timeout * 1000,
    tickIntervalMs: worker.tick_interval * 1000,
    taskPollIntervalMs: worker.task_poll_interval * 1000,
    keepWarmMs: Math.min(KEEP_WARM_MOST_MS, (config.database.session_timeout * 2000) / 3),
    contend: role.contend,
    leaseDurationMs: master.lease_duration * 1000,
    leaseTrustMs: master.lease_trust * 1000,
    leaseRenewMs: master.lease_renew_interval * 1000,
    lockGraceMs: master.lock_grace * 1000,
    lockTrustAfterStartMs: master.lock_trust_after_start * 1000,
  };
}

/** Where a remote worker asks; undefined = a node with a database. */
function gatewayOf({ config: { worker, master }, resolved }: Context): LivenessSettings['gateway'] {
  if (worker.gateway === undefined) return undefined;
  return {
    ...{ urls: worker.gateway, apiKey: master.api_key, tls: tlsPaths(resolved) },
    offlineForMs: worker.offline_for * 1000,
  };
}

/** What the liveness thread read of the fleet's settings holds for this node now; returns what the thread must know of it. */
export function obeyFleet(
  context: Context,
  { rows, devices }: { rows: SettingRow[]; devices?: number | undefined },
): LivenessCommand {
  context.fleet.obey(rows);
  if (context.writer !== undefined && devices !== undefined) context.writer.devices = devices;
  return { kind: 'heartbeat-timeout', milliseconds: context.config.master.heartbeat_timeout * 1000 };
}

/** The elector of a node with these settings, once its identity is known. */
export function electorFor(
  settings: LivenessSettings,
  identity: Identity,
  names: TableNames,
  { warn, ...told }: Pick<ElectorOptions, 'onGained' | 'onLost'> & { warn?(message: string): void },
): Elector {
  return new Elector({
    deviceId: identity.deviceId,
    instanceToken: identity.instanceToken,
    names,
    leaseDurationS: settings.leaseDurationMs / 1000,
    leaseTrustS: settings.leaseTrustMs / 1000,
    leaseRenewIntervalS: settings.leaseRenewMs / 1000,
    lockGraceS: settings.lockGraceMs / 1000,
    lockTrustAfterStartS: settings.lockTrustAfterStartMs / 1000,
    contend: settings.contend,
    ...told,
    // A node that only leads has nothing else to do: for it that is an error.
    onRefused: warn && settings.deviceType === 'worker' ? (error) => warn(cannotLead(error)) : undefined,
  });
}

const ROLE = { worker: 'worker', master: 'leader', gateway: 'gateway' } as const;

/** The session whose lock says that the node lives: the server ends it after heartbeat_timeout of silence. */
export function livenessSession(settings: LivenessSettings, onLost: () => void): Session {
  return new Session({
    // A node without one has gateways.
    address: settings.address!,
    writer: writerOf(settings.address),
    timeZone: settings.timeZone,
    idleTimeoutS: settings.heartbeatTimeoutMs / 1000,
    deadlineMs: settings.callTimeoutMs,
    multiStatements: true,
    role: ROLE[settings.deviceType],
    onLost,
  });
}
