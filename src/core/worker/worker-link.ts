// How a worker is linked to its fleet: by sessions to the database (database-link.ts), or by a gateway (gateway-link.ts). All
// else of a worker is the same.
import type { ClaimedTask } from '../db/claim/claimed-task.ts';
import type { ClaimPermission, FinishAndClaimResult } from '../db/claim/finish-and-claim.ts';
import type { ClaimRequest } from '../db/claim/take-tasks.ts';
import type { EndPolicy } from '../domain/attempt/lost.ts';
import type { Finish, Reconciled } from '../domain/attempt/reconcile.ts';
import type { LivenessReport, NodeView, Wanted } from '../node/liveness-messages.ts';
import type { PulseBoard } from '../node/pulse-board.ts';
import type { RingSender } from '../ring/ring-sender.ts';
import type { Service } from '../runtime/service.ts';
import type { Claimer } from './claim/claimer.ts';
import type { ClaimerOptions, Polls } from './claim/claimer-options.ts';
import type { TaskTimings } from './claim/task-timings.ts';
import type { TypeRooms } from './claim/type-rooms.ts';
import type { LogPort } from './port/log-port.ts';
import type { ReportPort } from './port/report-port.ts';
import type { ExchangeResult, PlannedClaim, RegisteredDevice } from './port/work-port.ts';
import type { HeldAttempts } from './run/held-attempts.ts';
import type { Runner } from './run/runner.ts';

/** A claimer, whatever it claims from. */
export type WorkerClaimer = Service &
  Pick<Claimer<ClaimRequest, FinishAndClaimResult>, 'finish' | 'holds' | 'unwritten' | 'claiming' | 'wake' | 'abandon'>;

/** What finding work needs of the other parts. */
export interface FindingOptions extends RegisteredDevice {
  capabilities: Record<string, unknown>;
  taskTypes: string[];
  runner: Runner;
  attempts: HeldAttempts;
  rooms: TypeRooms;
  timings: TaskTimings;
  board: PulseBoard;
  /** False = nothing is claimed now. */
  mayClaim(): boolean;
  claims: Pick<
    ClaimerOptions<PlannedClaim, ExchangeResult>,
    'events' | 'payloads' | 'runner' | 'attempts' | 'onExchange' | 'onReconciled' | 'onPermission' | 'onIdle'
  >;
}

/** How work is found and claimed. */
export interface Finding {
  /** Not started. */
  claimer: WorkerClaimer;
  polls: Polls;
  /** What must be known before anything is claimed is not known yet. */
  readonly unknown: boolean;
  /** Where other devices are rung; undefined = nowhere. */
  readonly sender: RingSender | undefined;
  /** Tasks of this type were put back here. */
  returned(taskType: string): void;
  /** An attempt ended here, and its end waits to be written. */
  ended(finish: Finish): void;
  /** Slots were taken or freed. */
  changed(): void;
  /** What a tick saw. Returns what the next ones are to poll; undefined = as before. */
  view(at: number, view: NodeView): Wanted | undefined;
  /** The work session is to poll in place of a tick. */
  turn(): void;
  /** A gateway says that work is due. */
  due(): void;
  /** Something else that the liveness thread reports. */
  heard(report: LivenessReport['kind']): void;
  onExchange(exchange: { began: number; asked: number; claimed: ClaimedTask[] }): void;
  onReconciled(result: Reconciled): void;
  onPermission(permission: ClaimPermission): void;
}

export interface WorkerLink {
  /** The other end, for people. */
  readonly where: string;
  /** Where this device is rung. Port 0 = nowhere. */
  readonly rung: { address: string | undefined; port: number; token: string | undefined };
  /** Opens it; safe to repeat after an error. @throws DatabaseError, AfdError */
  open(): Promise<void>;
  /** The device is registered: closes what earlier processes of it left open; safe to repeat. @throws DatabaseError */
  registered(device: RegisteredDevice, policy: EndPolicy): Promise<void>;
  /** Ports of their own, so that no claim waits for them. */
  ports(device: RegisteredDevice): { logs: LogPort; reports: ReportPort };
  find(options: FindingOptions): Finding;
  close(): Promise<void>;
}
