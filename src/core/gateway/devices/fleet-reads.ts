// What this gateway knows of the work of the fleet, for all devices that wait here: one tick a second while some do, and one
// on demand for a device that asks without waiting. Knowledge only: the claim itself is the truth.
import { changedStatesStatement, stateOf } from '../../db/gateway/device-states.ts';
import { dueDirected } from '../../db/gateway/due-directed.ts';
import { type DeviceOpenAttempt, openOfDevices } from '../../db/gateway/open-of-devices.ts';
import { discoverLanes } from '../../db/lanes/discover-lanes.ts';
import { type TickView, tick } from '../../db/lanes/tick.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { LaneRank } from '../../domain/lane.ts';
import { monotonic } from '../../runtime/clock.ts';
import { PollPause } from '../../runtime/poll-pause.ts';
import type { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import type { DeviceKinds } from './device-kind.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { type GatewayDevice, keyOf } from './gateway-device.ts';
import type { MinScores } from './min-scores.ts';
import type { Waiting } from './waiting.ts';

/** Devices that a poll wakes for each lane; each that finds more than it takes wakes others. */
const FIRST_WAKES = 4;
/** Without a leader, the lanes are discovered this often. */
const DISCOVER_MS = 10_000;
/** Devices whose open attempts one statement reads. */
const MOST_ROWS = 500;
/** Changes of rows are read once more than once, since a commit may come late. */
const OVERLAP_S = 3;

export interface FleetReadsOptions {
  session: () => Promise<Session>;
  names: TableNames;
  gatewayId: string;
  catalog: LaneCatalog;
  kinds: DeviceKinds;
  registry: DeviceRegistry;
  waiting: Waiting;
  minScores: MinScores;
  master: { readonly heartbeat_timeout: number };
  /** Milliseconds. */
  pollIntervalMs: number;
}

export class FleetReads {
  readonly #o: FleetReadsOptions;
  readonly #pause = new PollPause();
  /** Devices at which due tasks are directed. */
  #directed: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;
  #changesAt = Number.NEGATIVE_INFINITY;
  #discoverAt = 0;
  #roundAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: FleetReadsOptions) {
    this.#o = options;
  }

  /** Tasks are directed at this device, as far as is known. */
  directed(device: GatewayDevice): boolean {
    return this.#directed.has(device.key);
  }

  /** What a device takes depends on the scores of others. */
  get scored(): boolean {
    return this.#o.minScores.wanted;
  }

  /** A claim has found no more of them. */
  directedDone(device: GatewayDevice): void {
    if (!this.#directed.has(device.key)) return;
    const left = new Set(this.#directed);
    left.delete(device.key);
    this.#directed = left;
  }

  /** Something there is for this device to claim. */
  hasWork(one: { device: GatewayDevice; without: ReadonlySet<string> }): boolean {
    if (one.device.operator_state !== 'active' || one.device.pause.leftMs > 0) return false;
    return (
      this.#directed.has(one.device.key) || this.#o.catalog.due().some((entry) => this.#o.waiting.fits(one, entry))
    );
  }

  /** Reads what is due, unless that was read within the last second. @throws DatabaseError */
  async fresh(): Promise<void> {
    if (monotonic() - this.#readAt >= this.#o.pollIntervalMs) await this.#work();
  }

  /** Tasks were put back: what was read is old. */
  stale(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** While nobody waited, a round has been left out. */
  get overdue(): boolean {
    return monotonic() - this.#roundAt >= this.#o.pollIntervalMs;
  }

  /** Once a second. @throws DatabaseError */
  async round(): Promise<void> {
    const { waiting } = this.#o;
    if (waiting.size === 0) return;
    this.#roundAt = monotonic();
    if (waiting.wantWork) {
      await this.#work();
      for (const entry of this.#o.catalog.due()) waiting.wakeForLane(entry, { devices: FIRST_WAKES });
      waiting.wakeDevices(this.#directed);
    }
    await this.#changes();
    await this.#revoked();
  }

  /** Devices at which due tasks are directed, read now, are woken; returns whom. @throws DatabaseError */
  async wakeDirected(): Promise<GatewayDevice[]> {
    this.#directed = new Set((await dueDirected(await this.#o.session(), this.#o.names)).map(keyOf));
    return this.#o.waiting.wakeDevices(this.#directed, true);
  }

  /** One read for all who want one. */
  #work(): Promise<void> {
    this.#reading ??= this.#readWork().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readWork(): Promise<void> {
    const { names, gatewayId, catalog, kinds, minScores, master } = this.#o;
    const session = await this.#o.session();
    const at = monotonic();
    const types = kinds.types;
    if (types.length > 0) {
      const ranks = at >= this.#pause.until ? catalog.ranks() : undefined;
      const view = await tick(session, names, {
        ...{
          device_id: gatewayId,
          ranks,
          lanes: { types, known: catalog.known() },
          withOpen: false,
          trustAfterStartS: 0,
        },
        devicesOf: minScores.wanted ? master.heartbeat_timeout : undefined,
      });
      this.#polled(view, ranks, at);
      minScores.update(view.devices);
      if (view.lease?.valid !== 1) await this.#discover(session, at);
    }
    this.#directed = new Set((await dueDirected(session, names)).map(keyOf));
    this.#readAt = at;
  }

  #polled(view: TickView, ranks: LaneRank[] | undefined, at: number): void {
    const { catalog } = this.#o;
    const now = monotonic();
    // For lanes that are polled one by one the poll is the better witness; for new ones, and for many, the publisher is.
    const fresh = catalog.learn(view.lanes);
    const believed = fresh || catalog.crowded ? view.lanes.filter((one) => one.due === 1) : [];
    catalog.markDue(believed, false);
    if (ranks === undefined) return;
    if (view.due === undefined) this.#pause.brokenOff(now, now - at);
    else this.#pause.polled(now, now - at);
    catalog.markDue(
      (view.due ?? []).flatMap((n) => ranks[n] ?? []),
      false,
    );
  }

  /** Nobody publishes the lanes. A head may be due later: the claim finds out. */
  async #discover(session: Session, now: number): Promise<void> {
    if (now < this.#discoverAt) return;
    this.#discoverAt = now + DISCOVER_MS;
    const heads = await discoverLanes(session, this.#o.names);
    if (this.#o.catalog.learn(heads) || this.#o.catalog.crowded) this.#o.catalog.markDue(heads, false);
  }

  /** What operators and others have changed of the devices behind this gateway. */
  async #changes(): Promise<void> {
    const { names, gatewayId, registry, waiting } = this.#o;
    const at = monotonic();
    const seconds = Math.min(3600, (at - this.#changesAt) / 1000) + OVERLAP_S;
    const { sql, values } = changedStatesStatement(names, gatewayId, seconds);
    const rows = await (await this.#o.session()).rows(sql, values);
    this.#changesAt = at;
    const before = new Map([...registry.all].map((one) => [one, one.version]));
    registry.seen(rows.map(stateOf));
    for (const [device, version] of before) if (device.version !== version) waiting.news(device);
  }

  /** Attempts of waiting devices that an operator has revoked since. */
  async #revoked(): Promise<void> {
    const { names, waiting } = this.#o;
    const holders = new Map([...waiting.all].filter((one) => one.held > 0).map(({ device }) => [device.key, device]));
    const ids = [...holders.values()].map((one) => one.id);
    for (let n = 0; n < ids.length; n += MOST_ROWS) {
      const some = ids.slice(n, n + MOST_ROWS);
      const open = await openOfDevices(await this.#o.session(), names, some);
      for (const id of some) this.#told(holders.get(keyOf(id))!, open);
    }
  }

  #told(device: GatewayDevice, open: DeviceOpenAttempt[]): void {
    const own = open.filter((one) => one.revoked && keyOf(one.device_id) === device.key);
    const revoked = own.map((one) => one.assignment_id).join(' ');
    if (revoked === device.revoked) return;
    device.revoked = revoked;
    if (revoked === '') return;
    device.version += 1;
    this.#o.waiting.news(device);
  }
}
