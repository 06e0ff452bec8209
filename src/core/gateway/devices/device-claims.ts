// Claims for devices behind this gateway: where to ask is decided here, how much by the device. One transaction writes what
// has ended and claims, as for a worker with its own connection; follow-up tasks go into one without a claim.
import type { Config } from '../../config/config-schema.ts';
import type { ClaimSource, LaneSource } from '../../db/claim/claim-source.ts';
import { returnTicket } from '../../db/claim/claim-ticket.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { ClaimRefused, type FinishAndClaimResult, finishAndClaim } from '../../db/claim/finish-and-claim.ts';
import type { ClaimRequest } from '../../db/claim/take-tasks.ts';
import { readTextWidths, type TextWidths } from '../../db/claim/text-widths.ts';
import { DatabaseError } from '../../db/database-error.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { insertTasks } from '../../db/tasks/insert-tasks.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { backoff } from '../../domain/attempt/retry.ts';
import type { LaneRequirements } from '../../domain/eligibility.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import { COUNTED_SOURCES, claimShape, isSparse } from '../../worker/claim/claim-shape.ts';
import type { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import { OddTasks } from '../../worker/claim/odd-tasks.ts';
import type { FleetReads } from './fleet-reads.ts';
import type { GatewayDevice } from './gateway-device.ts';
import { entryOf, type Waiting } from './waiting.ts';
import { type WireClaim, WireRooms } from './wire-rooms.ts';

/** How long a lane is left alone whose claims fail although no row is the cause. */
const REST_MS = 60_000;
/** Devices that are woken for a lane when a claim there has left something. */
const MORE_WAKES = 2;
const NO_TYPES: ReadonlySet<string> = new Set();

export interface DeviceClaimsOptions {
  names: TableNames;
  events: Events;
  catalog: LaneCatalog;
  reads: FleetReads;
  waiting: Waiting;
  master: Config['master'];
  /** For what is done outside of a request. */
  session: Session;
  /** A claim for a device has come back, which began at this monotonic time. */
  onClaimed(device: GatewayDevice, began: number, claimed: number): void;
  checkCursors(sources: LaneSource[]): void;
}

export interface ExchangeResult extends Omit<FinishAndClaimResult, 'perSource'> {
  /** More seems to be due for this device. */
  more: boolean;
}

const NOTHING: ExchangeResult = { permission: 'not-asked', reconciled: [], claimed: [], more: false };

export class DeviceClaims {
  readonly #o: DeviceClaimsOptions;
  readonly #odd: OddTasks;
  #widths: TextWidths | undefined;
  #sparse = true;

  constructor(options: DeviceClaimsOptions) {
    this.#o = options;
    this.#odd = new OddTasks(options);
  }

  /** `session`: with `multiStatements`. @throws ClaimRefused; DatabaseError; AfdError E_USAGE for follow-up tasks */
  async exchange(
    session: Session,
    device: GatewayDevice,
    { finishes, claim }: { finishes: Finish[]; claim: WireClaim | undefined },
  ): Promise<ExchangeResult> {
    const apart = claim !== undefined && finishes.some(enqueues);
    const ended = apart ? await this.finish(session, device, finishes) : [];
    let request = claim === undefined ? undefined : this.#plan(device, claim);
    // Nothing is known to be due: a worker that asks all the same wants to know.
    if (claim !== undefined && request === undefined) {
      await this.#o.reads.fresh();
      request = this.#plan(device, claim);
    }
    const left = apart ? [] : finishes;
    const began = monotonic();
    if (request === undefined) {
      if (claim !== undefined) {
        device.pause.pause();
        this.#o.onClaimed(device, began, 0);
      }
      const reconciled = left.length === 0 ? ended : await this.finish(session, device, left);
      return { ...NOTHING, reconciled };
    }
    const result = await this.#claim(session, device, left, request);
    this.#o.onClaimed(device, began, result?.claimed.length ?? 0);
    if (result === undefined) return { ...NOTHING, reconciled: ended, more: true };
    const more = this.#learn(device, request, result);
    return { ...result, reconciled: apart ? ended : result.reconciled, more };
  }

  /** Writes how attempts ended. `device`: whose they are; of an earlier process its token. @throws as `exchange` */
  async finish(
    session: Session,
    device: Pick<GatewayDevice, 'id' | 'token'>,
    finishes: Finish[],
  ): Promise<Reconciled[]> {
    const { reconciled } = await this.#transact(session, device, finishes, undefined);
    return reconciled;
  }

  async #transact(
    session: Session,
    device: Pick<GatewayDevice, 'id' | 'token'>,
    finishes: Finish[],
    claim: ClaimRequest | undefined,
  ): Promise<FinishAndClaimResult> {
    const { names, master, catalog } = this.#o;
    this.#widths ??= await readTextWidths(session, names);
    const maxRetryCount = master.max_retry_count;
    const result = await finishAndClaim(session, names, {
      device_id: device.id,
      instance_token: device.token,
      finishes,
      claim,
      policy: { maxRetryCount, backoff: (retry) => backoff(retry, master.retry_backoff) },
      widths: this.#widths,
      enqueue: async (tasks, { task_id }) => {
        await insertTasks(session, names, tasks, { maxRetryCount, parentId: task_id });
      },
    });
    // Tasks that were put back may lie before the cursors.
    for (const one of result.reconciled)
      if (one.kind === 'accepted' && one.end.task_status !== 'done') catalog.dropCursors(one.end.finish.task_type);
    return result;
  }

  /** Undefined = the server refused the claim for the sake of some row: which one is found out by the next claims. */
  async #claim(
    session: Session,
    device: GatewayDevice,
    finishes: Finish[],
    request: ClaimRequest,
  ): Promise<FinishAndClaimResult | undefined> {
    try {
      return await this.#transact(session, device, finishes, request);
    } catch (error) {
      if (request.ticket) await returnTicket(session);
      // With ends, it may be one of them: the device sends them alone.
      if (!(error instanceof DatabaseError) || error.fault !== 'data' || finishes.length > 0) throw error;
      const ids = error instanceof ClaimRefused ? error.taskIds : [];
      if (ids.length > 0) await this.#odd.refused(ids, error, this.#widths!.last_error);
      else for (const source of request.sources) this.#o.catalog.rest(source, REST_MS);
      return undefined;
    }
  }

  #plan(device: GatewayDevice, claim: WireClaim): ClaimRequest | undefined {
    const { catalog, reads, waiting, master } = this.#o;
    const rooms = new WireRooms(claim);
    const without = NO_TYPES;
    const odd = this.#odd.searching ? this.#odd.next(claim.free) : undefined;
    const fits = (entry: Parameters<Waiting['fits']>[1]) =>
      rooms.has(entry.task_type) && waiting.fits({ device, without }, entry);
    const lanes = odd === undefined ? catalog.sources(COUNTED_SOURCES, { free: claim.free, fits }) : [odd];
    const full = device.kind.types.filter((type) => !rooms.has(type));
    const directed: ClaimSource[] =
      odd === undefined && reads.directed(device) ? [{ kind: 'directed', device_id: device.id, without: full }] : [];
    const sources = [...directed, ...lanes];
    if (sources.length === 0) return undefined;
    const mostFrom = (source: ClaimSource) => rooms.mostFrom(catalog.typeOf(source));
    return {
      ...claimShape(sources, { limit: claim.limit, sparse: this.#sparse, mostFromFirst: mostFrom(sources[0]!) }),
      claim_token: claim.claim_token,
      limit: claim.limit,
      free: claim.free,
      short: claim.limit,
      alone: false,
      mostFrom,
      // What it holds may go on without a gateway for as long as its lease lasts.
      leaseOf: (task) => rooms.timeoutOf(task, master.task_timeout) + master.deadline_slack + device.offline_for,
      admit: (task, { kind }) =>
        (kind === 'lane' || device.kind.accepts(requirementsOfTask(task))) && !this.#odd.leaves(task.id)
          ? rooms.admit(task, kind)
          : 'skip',
    };
  }

  /** Returns whether more seems to be due for the device. */
  #learn(device: GatewayDevice, request: ClaimRequest, { perSource, claimed }: FinishAndClaimResult): boolean {
    const { catalog, reads } = this.#o;
    this.#sparse = isSparse(request, perSource, this.#sparse);
    catalog.claimed();
    const doubtful: LaneSource[] = [];
    let offset = 0;
    for (const [n, { count, exhausted }] of perSource.entries()) {
      const source = request.sources[n]!;
      catalog.noteYield(source, exhausted, claimed.slice(offset, offset + count));
      if (source.kind === 'directed' && exhausted) reads.directedDone(device);
      if (source.kind === 'lane' && catalog.cursorOf(source)?.checkDue(exhausted, monotonic()) === true)
        doubtful.push(source);
      offset += count;
    }
    if (doubtful.length > 0) this.#o.checkCursors(doubtful);
    const open = request.sources.filter((one) => one.kind === 'lane' && !catalog.cooled(one));
    const moved = claimed.length > 0 || open.length < request.sources.length;
    if (moved) device.pause.end();
    else device.pause.pause();
    if (claimed.length > 0) this.#wakeMore(open);
    return claimed.length > 0 && (open.length > 0 || reads.directed(device) || this.#odd.searching);
  }

  #wakeMore(open: ClaimSource[]): void {
    const due = this.#o.catalog.due();
    for (const source of open) {
      const entry = source.kind === 'lane' ? entryOf(due, source) : undefined;
      if (entry !== undefined) this.#o.waiting.wakeForLane(entry, { devices: MORE_WAKES });
    }
  }
}

function enqueues({ outcome }: Finish): boolean {
  return outcome.kind === 'done' && outcome.enqueue.length > 0;
}

function requirementsOfTask({ task_type, required_capabilities }: ClaimedTask): LaneRequirements {
  return { task_type, required_capabilities: requirementsOf(required_capabilities).requires };
}
