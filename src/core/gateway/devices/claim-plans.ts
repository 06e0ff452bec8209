// Where claims for devices behind this gateway ask, and what they take: by what is known of the fleet's work.
import type { Config } from '../../config/config-schema.ts';
import type { ClaimSource } from '../../db/claim/claim-source.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { ClaimRequest, SourceYield } from '../../db/claim/take-tasks.ts';
import type { LaneRequirements } from '../../domain/eligibility.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';
import { COUNTED_SOURCES, claimShape, isSparse } from '../../worker/claim/claim-shape.ts';
import type { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import type { OddTasks } from '../../worker/claim/odd-tasks.ts';
import type { FleetReads } from './fleet-reads.ts';
import type { GatewayDevice } from './gateway-device.ts';
import type { Waiting } from './waiting.ts';
import { type WireClaim, WireRooms } from './wire/wire-rooms.ts';

const NO_TYPES: ReadonlySet<string> = new Set();

/** What of a claim says how much it could have brought. */
export type Asked = Pick<ClaimRequest, 'sources' | 'countFirst' | 'limit'>;

/** What a plain client asks for. `claim_token`: random, of this call alone. */
export interface PlainClaim {
  device: GatewayDevice;
  claim_token: Buffer;
  limit: number;
}

export interface ClaimPlansOptions {
  catalog: LaneCatalog;
  reads: FleetReads;
  waiting: Waiting;
  master: Config['master'];
}

export class ClaimPlans {
  readonly #o: ClaimPlansOptions;
  readonly #odd: OddTasks;
  #sparse = true;

  constructor(options: ClaimPlansOptions, odd: OddTasks) {
    this.#o = options;
    this.#odd = odd;
  }

  /** Undefined = nothing is known to be due that the device may take. */
  of(device: GatewayDevice, claim: WireClaim): ClaimRequest | undefined {
    const { catalog, reads, waiting, master } = this.#o;
    const rooms = new WireRooms(claim);
    // Named tasks are claimed to begin, none of them ahead.
    if (this.#odd.searching && claim.free === 0) return undefined;
    const odd = this.#odd.searching ? this.#odd.next(claim.free) : undefined;
    const fits = (entry: Parameters<Waiting['fits']>[1]) =>
      rooms.has(entry.task_type) && waiting.fits({ device, without: NO_TYPES }, entry);
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

  /** A claim has come back. */
  learn(asked: Asked, perSource: SourceYield[]): void {
    this.#sparse = isSparse(asked, perSource, this.#sparse);
  }
}

function requirementsOfTask({ task_type, required_capabilities }: ClaimedTask): LaneRequirements {
  return { task_type, required_capabilities: requirementsOf(required_capabilities).requires };
}
