// Claims for devices behind this gateway: where to ask is decided here, how much by the device. One transaction writes what
// has ended and claims, as for a worker with its own connection; follow-up tasks go into one without a claim.
import type { Config } from '../../config/config-schema.ts';
import type { ClaimSource, LaneSource } from '../../db/claim/claim-source.ts';
import { returnTicket } from '../../db/claim/claim-ticket.ts';
import { ClaimRefused, type FinishAndClaimResult, finishAndClaim } from '../../db/claim/finish-and-claim.ts';
import type { ClaimRequest } from '../../db/claim/take-tasks.ts';
import { readTextWidths, type TextWidths } from '../../db/claim/text-widths.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { claimForDevices } from '../../db/gateway/claim-for-devices.ts';
import { finishForDevices } from '../../db/gateway/finish-for-devices.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { insertTasks } from '../../db/tasks/insert-tasks.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { backoff } from '../../domain/attempt/retry.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import type { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import { OddTasks } from '../../worker/claim/odd-tasks.ts';
import { type Asked, ClaimPlans, type PlainClaim } from './claim-plans.ts';
import type { FleetReads } from './fleet-reads.ts';
import type { GatewayDevice } from './gateway-device.ts';
import { entryOf, type Waiting } from './waiting.ts';
import type { WireClaim } from './wire/wire-rooms.ts';

/** How long a lane is left alone whose claims fail although no row is the cause. */
const REST_MS = 60_000;
/** Devices that are woken for a lane when a claim there has left something. */
const MORE_WAKES = 2;

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
  readonly #plans: ClaimPlans;
  #widths: TextWidths | undefined;

  constructor(options: DeviceClaimsOptions) {
    this.#o = options;
    this.#odd = new OddTasks(options);
    this.#plans = new ClaimPlans(options, this.#odd);
  }

  /** `session`: with `multiStatements`. @throws ClaimRefused; DatabaseError; AfdError E_USAGE for follow-up tasks */
  async exchange(
    session: Session,
    device: GatewayDevice,
    { finishes, claim }: { finishes: Finish[]; claim: WireClaim | undefined },
  ): Promise<ExchangeResult> {
    const apart = claim !== undefined && finishes.some(enqueues);
    const ended = apart ? await this.finish(session, device, finishes) : [];
    const request = claim === undefined ? undefined : await this.#plan(device, claim);
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
    const open = this.#learn(request, result);
    const directed = request.sources.findIndex((one) => one.kind === 'directed');
    if (result.perSource[directed]?.exhausted === true) this.#o.reads.directedDone(device);
    const some = result.claimed.length > 0;
    if (some || open.length < request.sources.length) device.pause.end();
    else device.pause.pause();
    const more = some && (open.length > 0 || this.#o.reads.directed(device) || this.#odd.searching);
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

  /** The same for several devices in one transaction: attempts that have rows, without follow-up tasks. @throws DatabaseError */
  async finishTogether(session: Session, finishes: Finish[]): Promise<Reconciled[] | undefined> {
    const how = { finishes, widths: await this.#textWidths(session), policy: this.#policy() };
    const reconciled = await finishForDevices(session, this.#o.names, how);
    this.#putBack(reconciled ?? []);
    return reconciled;
  }

  /** A claim for this device is not like those of others of its kind. */
  apart(device: GatewayDevice): boolean {
    return this.#odd.searching || this.#o.reads.directed(device) || this.#o.reads.scored;
  }

  /**
   * Claims for plain devices of one kind, none of them `apart`, in one transaction. Undefined = that one must claim by itself.
   * @throws DatabaseError
   */
  async claimTogether(session: Session, calls: PlainClaim[]): Promise<Array<ExchangeResult | undefined>> {
    const { names, onClaimed } = this.#o;
    const first = calls.find(({ device }) => device.operator_state === 'active')?.device;
    if (first === undefined || this.#odd.searching) return calls.map(() => undefined);
    const limit = calls.reduce((sum, one) => sum + one.limit, 0);
    const room = { now: limit, later: 0, defer: false };
    const types = new Map(first.kind.types.map((type) => [type, room]));
    const claim = { claim_token: calls[0]!.claim_token, limit, free: limit, types };
    const request = await this.#plan(first, claim);
    if (request === undefined) return calls.map(() => undefined);
    const began = monotonic();
    const owners = calls.map(({ device, ...one }) => ({ ...one, device_id: device.id, instance_token: device.token }));
    const { taken, permissions, claimed, perSource } = await claimForDevices(session, names, owners, request);
    const open = this.#learn(request, { claimed: taken, perSource });
    return calls.map(({ device }, n) => {
      const own = claimed[n]!;
      const permission = permissions[n]!;
      // What is left may be for it.
      if (own.length === 0 && permission === 'open' && open.length > 0) return undefined;
      onClaimed(device, began, own.length);
      if (permission === 'open') device.pause.end();
      else device.pause.pause();
      return { permission, reconciled: [], claimed: own, more: own.length > 0 && open.length > 0 };
    });
  }

  async #plan(device: GatewayDevice, claim: WireClaim): Promise<ClaimRequest | undefined> {
    const known = this.#plans.of(device, claim);
    if (known !== undefined) return known;
    // Nothing is known to be due: who asks all the same wants to know.
    await this.#o.reads.fresh();
    return this.#plans.of(device, claim);
  }

  async #transact(
    session: Session,
    device: Pick<GatewayDevice, 'id' | 'token'>,
    finishes: Finish[],
    claim: ClaimRequest | undefined,
  ): Promise<FinishAndClaimResult> {
    const { names, master } = this.#o;
    const widths = await this.#textWidths(session);
    const maxRetryCount = master.max_retry_count;
    const result = await finishAndClaim(session, names, {
      device_id: device.id,
      instance_token: device.token,
      finishes,
      claim,
      policy: this.#policy(),
      widths,
      enqueue: async (tasks, { task_id }) => {
        await insertTasks(session, names, tasks, { maxRetryCount, parentId: task_id });
      },
    });
    this.#putBack(result.reconciled);
    return result;
  }

  /** Tasks that were put back may lie before the cursors. */
  #putBack(reconciled: Reconciled[]): void {
    for (const one of reconciled)
      if (one.kind === 'accepted' && one.end.task_status !== 'done')
        this.#o.catalog.dropCursors(one.end.finish.task_type);
  }

  #policy() {
    const { max_retry_count: maxRetryCount, retry_backoff } = this.#o.master;
    return { maxRetryCount, backoff: (retry: number) => backoff(retry, retry_backoff) };
  }

  async #textWidths(session: Session): Promise<TextWidths> {
    this.#widths ??= await readTextWidths(session, this.#o.names);
    return this.#widths;
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

  /** Sources of which more seems to be due. */
  #learn(request: Asked, { perSource, claimed }: Pick<FinishAndClaimResult, 'perSource' | 'claimed'>): ClaimSource[] {
    const { catalog } = this.#o;
    this.#plans.learn(request, perSource);
    catalog.claimed();
    const doubtful: LaneSource[] = [];
    let offset = 0;
    for (const [n, { count, exhausted }] of perSource.entries()) {
      const source = request.sources[n]!;
      catalog.noteYield(source, exhausted, claimed.slice(offset, offset + count));
      if (source.kind === 'lane' && catalog.cursorOf(source)?.checkDue(exhausted, monotonic()) === true)
        doubtful.push(source);
      offset += count;
    }
    if (doubtful.length > 0) this.#o.checkCursors(doubtful);
    const open = request.sources.filter((one) => one.kind === 'lane' && !catalog.cooled(one));
    if (claimed.length > 0) this.#wakeMore(open);
    return open;
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
