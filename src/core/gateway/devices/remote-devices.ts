// The devices behind this gateway: what they are answered, what they claim, and how long they count as alive. Nothing here is needed by
// another gateway: a device may ask there next.
import { setImmediate } from 'node:timers/promises';
import type { Context } from '../../context/context.ts';
import { isTransient } from '../../db/database-error.ts';
import { deleteRequests } from '../../db/gateway/idempotent-requests.ts';
import { laneOfRank } from '../../db/lanes/lane-of-rank.ts';
import type { Session } from '../../db/session.ts';
import type { SettingRow } from '../../db/settings/read-settings.ts';
import type { RingPort } from '../../ring/ring-port.ts';
import { Loop } from '../../runtime/loop.ts';
import { Service, untilAborted } from '../../runtime/service.ts';
import { Keyring } from '../../secrets/keyring.ts';
import { checkCursors } from '../../worker/claim/cursor-checks.ts';
import { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import type { RequestContexts } from '../requests/request-contexts.ts';
import { DeviceClaims } from './device-claims.ts';
import { type DeviceKind, DeviceKinds } from './device-kind.ts';
import { DeviceRegistry } from './device-registry.ts';
import { DeviceSecrets } from './device-secrets.ts';
import { FleetReads } from './fleet-reads.ts';
import { GatewayRings } from './gateway-rings.ts';
import { Heartbeats } from './heartbeats.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { MinScores } from './min-scores.ts';
import { PlainClaims } from './plain-claims.ts';
import { PlainStarts } from './plain-starts.ts';
import { ResultWrites } from './results.ts';
import { Waiting } from './waiting.ts';

const LEASES_MS = 250;
/** Requests with an Idempotency-Key are remembered for a day, in seconds. */
const KEEP_REQUESTS_S = 86_400;
const TIDY_MS = 60_000;

export interface RemoteDevicesOptions {
  context: Context;
  requests: RequestContexts;
  gatewayId: string;
  port: RingPort;
  /** For what is done outside of a request: open, with `multiStatements`. */
  session: Session;
}

/** Stopped, it answers those who wait, and writes nothing more. */
export class RemoteDevices extends Service {
  readonly context: Context;
  readonly requests: RequestContexts;
  readonly gatewayId: string;
  readonly registry: DeviceRegistry;
  readonly keeper: LeaseKeeper;
  readonly waiting: Waiting;
  readonly reads: FleetReads;
  readonly claims: DeviceClaims;
  readonly heartbeats: Heartbeats;
  readonly starts: PlainStarts;
  readonly plainClaims: PlainClaims;
  readonly resultWrites: ResultWrites;
  readonly secrets: DeviceSecrets;
  readonly #kinds: DeviceKinds;
  readonly #rings: GatewayRings;
  readonly #session: Session;
  readonly #over = new AbortController();
  #settings: { rows: SettingRow[]; version: number; text: string } = { rows: [], version: 0, text: '' };
  #trouble: string | undefined;

  constructor({ context, requests, gatewayId, port, session }: RemoteDevicesOptions) {
    super();
    const { names, config, events } = context;
    this.context = context;
    this.requests = requests;
    this.gatewayId = gatewayId;
    this.#session = session;
    const opened = async () => {
      await session.ready();
      return session;
    };
    this.#kinds = new DeviceKinds(() => {
      catalog.reconsider();
      this.#rings?.typesChanged();
    });
    const kinds = this.#kinds;
    const catalog = new LaneCatalog('', (lane) => kinds.accept(lane));
    const minScores = new MinScores(config.load_balancer);
    this.waiting = new Waiting((device, entry) => minScores.defers(device, entry));
    const { waiting } = this;
    this.registry = new DeviceRegistry(requests, names, kinds, (device) => waiting.news(device));
    const { registry } = this;
    const shared = { session: opened, names, gatewayId, registry, master: config.master };
    this.keeper = new LeaseKeeper(shared);
    const pollIntervalMs = config.worker.task_poll_interval * 1000;
    this.reads = new FleetReads({ ...shared, catalog, kinds, waiting, minScores, pollIntervalMs });
    this.heartbeats = new Heartbeats({ requests, keeper: this.keeper, registry, gatewayId, events });
    this.starts = new PlainStarts(opened, names);
    this.secrets = new DeviceSecrets(requests, names, Keyring.of(context.resolved));
    this.claims = new DeviceClaims({
      ...{ names, events, catalog, reads: this.reads, waiting, master: config.master, session },
      onClaimed: (device, began, claimed) => this.#rings.onClaimed(device, began, claimed),
      checkCursors: (sources) => {
        void this.#quietly(async () => {
          // The answer to the claim goes first.
          await setImmediate();
          await checkCursors(await opened(), names, catalog, sources);
        });
      },
    });
    this.plainClaims = new PlainClaims(requests, this.claims);
    this.resultWrites = new ResultWrites(this);
    const read = async (laneRank: Parameters<typeof laneOfRank>[2]) => laneOfRank(await opened(), names, laneRank);
    this.#rings = new GatewayRings({ port, events, catalog, kinds, reads: this.reads, waiting, read });
  }

  /** The fleet's values, as they were read last, and the number of that reading. */
  get settings(): { rows: SettingRow[]; version: number } {
    return this.#settings;
  }

  /** The fleet's values may have changed. */
  settingsRead(rows: SettingRow[]): void {
    const text = JSON.stringify(rows);
    if (text === this.#settings.text) return;
    this.#settings = { rows, version: this.#settings.version + 1, text };
    this.waiting.news();
  }

  /** Those that wait here. */
  get near(): GatewayRings {
    return this.#rings;
  }

  /** Aborted when those who wait are to be answered. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Answers those who wait now; who comes later does not wait. */
  endWaits(): void {
    this.#over.abort();
    this.waiting.news();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const loops = [
      this.#loop(LEASES_MS, () => this.keeper.round()),
      this.#loop(this.context.config.worker.task_poll_interval * 1000, () => this.reads.round()),
      this.#loop(1000, () => this.starts.round()),
      this.#loop(TIDY_MS, () => this.#tidy()),
    ];
    // A device that comes back at once, as after each claim, changes nothing.
    this.waiting.onFirst = () => {
      if (this.reads.overdue) loops[1]!.wake();
    };
    const receiver = this.#rings.receiver();
    const parts = [...loops, ...(receiver === undefined ? [] : [receiver])];
    for (const one of parts) void one.start();
    running();
    try {
      await untilAborted(signal, parts);
    } finally {
      this.endWaits();
      await Promise.all(parts.map((one) => one.stop()));
    }
  }

  #loop(intervalMs: number, work: () => Promise<void>): Loop {
    return new Loop({
      intervalMs,
      work: async () => {
        await work();
        this.#trouble = undefined;
      },
      onError: (error) => {
        this.#failed(error);
        return undefined;
      },
    });
  }

  /** What cannot be read or written now is, in a later round. @throws what is no passing error of the database */
  #failed(error: unknown): void {
    if (!isTransient(error)) throw error;
    this.#session.destroy();
    const { message } = error as Error;
    // The liveness thread says that the database is away.
    if (this.#trouble === undefined && this.requests.busy > 0)
      this.context.events.emit('warning', {
        message: `the devices behind this gateway cannot be read or written: ${message}`,
      });
    this.#trouble = message;
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      if (!isTransient(error)) throw error;
    });
  }

  /** Forgets what nobody needs any more. */
  async #tidy(): Promise<void> {
    await this.#session.ready();
    await deleteRequests(this.#session, this.context.names, KEEP_REQUESTS_S);
    const used = new Set<DeviceKind>();
    for (const one of this.registry.all) used.add(one.kind);
    this.#kinds.keep(used);
  }
}
