// What the liveness thread and the rest of the node say to each other. Plain data: it crosses a thread boundary, where
// Buffers arrive as Uint8Array (see reviveReport).

import type { TickView } from '../db/lanes/tick.ts';
import type { DatabaseAddress } from '../db/session.ts';
import type { SettingRow } from '../db/settings/read-settings.ts';
import { AfdError } from '../domain/errors.ts';
import type { LaneRank } from '../domain/lane.ts';
import type { StuckTask } from '../domain/placement/device-view.ts';
import type { ResourceLimits } from '../domain/placement/resource-limits.ts';
import type { FoundDead } from '../election/lock-watch.ts';
import type { LogLevel } from '../log/log.ts';
import type { TlsPaths } from '../remote/tls-files.ts';
import type { AfdEvents } from '../runtime/events.ts';

export interface LivenessSettings {
  /** Memory of the pulse board; undefined = the main thread is not watched. */
  board: SharedArrayBuffer | undefined;
  /** Where lines go that the main thread cannot write; without `fd` it writes them later. */
  log: { fd: number | undefined; format: 'text' | 'json'; level: LogLevel };
  /** How long the start may wait for a database, from its beginning. */
  waitDatabaseMs: number;
  /** Undefined = it has no way to the database, but these gateways. */
  address: DatabaseAddress | undefined;
  gateway:
    | { urls: readonly string[]; apiKey: string | undefined; tls?: TlsPaths | undefined; offlineForMs: number }
    | undefined;
  timeZone: string;
  tables: { task: string; prefix: string };
  callTimeoutMs: number;
  /** Wanted device id; with `tryNext` the first of id, id-2, id-3, … whose lock is free. */
  deviceId: string;
  tryNext: boolean;
  deviceName: string | undefined;
  deviceType: 'master' | 'worker' | 'gateway';
  capabilities: Record<string, unknown>;
  slots: number;
  /** The machine and its process number, for the message of a process that is refused the id. */
  hostName: string;
  pid: number | undefined;
  /** Where this node is rung; the token is hexadecimal. */
  ring: { address: string | undefined; port: number; token: string | undefined };
  region: string | undefined;
  labels: Record<string, string> | undefined;
  version: string;
  limits: ResourceLimits;
  limitsIntervalMs: number;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
  tickIntervalMs: number;
  taskPollIntervalMs: number;
  /** Longest time between two uses of the work session. */
  keepWarmMs: number;
  contend: boolean;
  leaseDurationMs: number;
  leaseTrustMs: number;
  leaseRenewMs: number;
  lockGraceMs: number;
  lockTrustAfterStartMs: number;
}

/** The connection over which the main thread claims and finishes, and the server process that it leads to. */
export interface WorkSession {
  connectionId: number;
  serverName: string;
}

/** What the rest of the node wants to know. */
export interface Wanted {
  /** To poll for due tasks. */
  ranks: LaneRank[];
  /** Lanes that need not be sent again while they are published like this. */
  known: Array<LaneRank & { able: number | null }>;
  /** The fleet's devices too. */
  devices: boolean;
}

/** A tick's view, without what the thread keeps for itself. */
export type NodeView = Omit<TickView, 'lease' | 'due'> & { due: LaneRank[]; leader_lives: boolean };

export type LivenessReport =
  | { kind: 'registered'; deviceId: string; instanceToken: Buffer; server: string; ipAddress: string }
  /** `at`: monotonic ms before the view was asked for. */
  | { kind: 'view'; at: number; view: NodeView }
  /** The work session's turn to poll for due tasks. */
  | { kind: 'turn' }
  | { kind: 'heartbeat'; status: string }
  /** Resource limits that the machine is over, in words; empty = it may claim. Once at the start, then when that changes. */
  | { kind: 'over-limits'; reasons: string[] }
  /** What the fleet's settings are, with every heartbeat; and its number of devices, where the writer may move. */
  | { kind: 'settings'; rows: SettingRow[]; devices?: number | undefined }
  /** A gateway says that work is due for a device with free slots. */
  | { kind: 'work' }
  /** `gateway`: it is no database that is meant, but every gateway. */
  | { kind: 'database-lost'; message: string; gateway?: boolean }
  | { kind: 'database-back'; afterMs: number; server: string; gateway?: boolean }
  /** The database answers so slowly that other nodes may have given up their connections. */
  | { kind: 'slow' }
  | { kind: 'trust-over'; gateway?: boolean }
  | { kind: 'leader-gained'; term: number; found?: FoundDead | undefined }
  | { kind: 'leader-lost'; term: number; reason: string }
  | { kind: 'warning'; message: string }
  /** The main thread was silent, and this could not be reported then. */
  | { kind: 'main-blocked'; facts: AfdEvents['main:blocked'] }
  /** The main thread comes to its event loop again, and may claim. `released`: attempts released meanwhile. */
  | { kind: 'main-back'; afterMs: number; released: number; gateway?: boolean }
  /** The thread ends because it may not go on. */
  | { kind: 'failed'; error: { code: string; message: string; suggestions: string[]; data: Record<string, unknown> } };

export type Reporter = (report: LivenessReport) => void;

export type LivenessCommand =
  /** Slots in use, and tasks claimed since the start. */
  | { kind: 'running'; count: number; claimed: number }
  /** Tasks whose attempt has ended and whose handler goes on, holding a slot each: all of them. */
  | { kind: 'stuck'; tasks: StuckTask[] }
  /** What to poll in the next ticks. */
  | ({ kind: 'lane-ranks' } & Wanted)
  | { kind: 'tick' }
  /** What a call that waits for work says of this worker. */
  | { kind: 'waiting'; free: number; without: string[]; held: number }
  /** Say at once that this device lives, and find out whether it still owns its id. */
  | { kind: 'heartbeat' }
  /** The fleet's heartbeat_timeout, which may have changed. */
  | { kind: 'heartbeat-timeout'; milliseconds: number }
  | { kind: 'resign' }
  /** The connection over which the main thread works was opened. */
  | ({ kind: 'work-session' } & WorkSession);

/** Ends the thread. */
export const STOP = { kind: 'stop' } as const;

/** An error as a thread can send it. */
export function failedReport(raw: unknown): LivenessReport {
  const { code, message, suggestions, data } =
    raw instanceof AfdError
      ? raw
      : new AfdError('E_INTERNAL', `The liveness loop failed: ${String(raw)}`, { cause: raw });
  return { kind: 'failed', error: { code, message, suggestions, data } };
}

/** Structured cloning turns Buffers into Uint8Array: makes them Buffers again. */
export function reviveReport(report: LivenessReport): LivenessReport {
  if (report.kind === 'registered') return { ...report, instanceToken: Buffer.from(report.instanceToken) };
  if (report.kind !== 'view') return report;
  const { view } = report;
  return {
    ...report,
    view: {
      ...view,
      due: revive(view.due),
      lanes: revive(view.lanes),
      open: view.open?.map((one) => ({ ...one, claim_token: Buffer.from(one.claim_token) })),
    },
  };
}

export function reviveCommand(command: LivenessCommand): LivenessCommand {
  if (command.kind !== 'lane-ranks') return command;
  const revive = <T extends { lane: Buffer }>(list: T[]) =>
    list.map((one) => ({ ...one, lane: Buffer.from(one.lane) }));
  return { ...command, ranks: revive(command.ranks), known: revive(command.known) };
}

function revive<T extends { lane: Buffer }>(list: T[]): T[] {
  return list.map((one) => ({ ...one, lane: Buffer.from(one.lane) }));
}
