// A worker with sessions to the database: it finds work by its own polls and by rings, and claims from the lanes itself.
import type { Context } from '../context/context.ts';
import { Session } from '../db/session.ts';
import type { EndPolicy } from '../domain/attempt/lost.ts';
import { backoff } from '../domain/attempt/retry.ts';
import type { LaneRequirements } from '../domain/eligibility.ts';
import { claimRank, laneKey } from '../domain/lane.ts';
import type { WorkSession } from '../node/liveness-messages.ts';
import { Keyring } from '../secrets/keyring.ts';
import { ClaimPlanner } from './claim/claim-planner.ts';
import { Claimer } from './claim/claimer.ts';
import { LaneCatalog } from './claim/lane-catalog.ts';
import { MinScoreRule } from './claim/min-score-rule.ts';
import { Poller } from './claim/poller.ts';
import { closeEarlierInstances } from './earlier-instances.ts';
import { obeyView } from './obey-view.ts';
import { DatabaseLogs } from './port/database-logs.ts';
import { DatabaseReports } from './port/database-reports.ts';
import { DatabaseWork } from './port/database-work.ts';
import type { RegisteredDevice } from './port/work-port.ts';
import type { Finding, FindingOptions, WorkerClaimer, WorkerLink } from './worker-link.ts';
import { WorkerRing } from './worker-ring.ts';

const NOWHERE = { address: undefined, port: 0, token: undefined };

export class DatabaseLink implements WorkerLink {
  readonly #context: Context;
  readonly #onSession: (session: WorkSession) => void;
  #opened: Session | undefined;
  #ring: WorkerRing | undefined;

  /** `onSession`: the connection over which the work goes was opened. */
  constructor(context: Context, onSession: (session: WorkSession) => void = () => {}) {
    this.#context = context;
    this.#onSession = onSession;
  }

  get where(): string {
    return this.#session.where;
  }

  get rung() {
    return this.#ring?.published ?? NOWHERE;
  }

  async open(): Promise<void> {
    const onOpen = ({ connectionId, serverName }: WorkSession) => this.#onSession({ connectionId, serverName });
    this.#opened ??= await this.#context.session({ multiStatements: true, onOpen });
    this.#ring ??= await WorkerRing.open(this.#context, this.#opened.facts.localAddress);
  }

  async registered(device: RegisteredDevice, policy: EndPolicy): Promise<void> {
    // Waiting for the device id may have taken longer than the server lets a session be silent.
    await this.#session.ready();
    await closeEarlierInstances(this.#session, this.#context.names, device, policy);
  }

  ports({ deviceId }: RegisteredDevice) {
    const { names, resolved } = this.#context;
    const secrets = { deviceId, keyring: Keyring.of(resolved) };
    const { address, writer, timeZone, idleTimeoutS, deadlineMs } = this.#session.options;
    const options = { address, writer, timeZone, idleTimeoutS, deadlineMs, role: 'worker' as const };
    const openSession = () => new Session({ ...options, multiStatements: false });
    return {
      logs: new DatabaseLogs(() => this.#context.session({ multiStatements: true }), names),
      reports: new DatabaseReports(openSession, names, secrets),
    };
  }

  find(options: FindingOptions): Finding {
    const { config, names, events } = this.#context;
    const { master, worker } = config;
    const { deviceId, instanceToken, taskTypes, runner, rooms, board, attempts, mayClaim } = options;
    const session = this.#session;
    const ring = this.#ring!;
    const minScore = new MinScoreRule(deviceId, config.load_balancer, () => runner.occupied);
    const leavesOut = (lane: LaneRequirements) => rooms.closed(lane.task_type) || minScore.defers(lane);
    const catalog = new LaneCatalog(deviceId, options.capabilities, leavesOut);
    catalog.learn(taskTypes.map(plainLane));
    const pollIntervalMs = worker.task_poll_interval * 1000;
    const poller = new Poller({ session, names, catalog, deviceId, pollIntervalMs });
    const policy = {
      get maxRetryCount() {
        return master.max_retry_count;
      },
      backoff: (retry: number) => backoff(retry, master.retry_backoff),
    };
    const work = new DatabaseWork({ session, names, deviceId, instanceToken, policy });
    const planner = new ClaimPlanner({
      ...{ session, names, events, catalog, poller, rooms, board, master, mayClaim },
      slots: runner,
      widths: () => work.widths,
      limit: (room) => ring.limit(room),
    });
    const claimer: WorkerClaimer = new Claimer({ ...options.claims, work, planner, poller });
    ring.attach({ session, deviceId, taskTypes, catalog, runner, claimer, mayClaim });
    return {
      claimer,
      polls: poller,
      get unknown() {
        return minScore.unknown;
      },
      get sender() {
        return ring.sender;
      },
      returned: (taskType) => catalog.dropCursors(taskType),
      ended: () => {},
      changed: () => ring.changed(),
      view: (at, view) => obeyView({ catalog, minScore, poller, attempts, claimer }, at, view),
      turn() {
        poller.turn();
        claimer.wake();
      },
      due: () => claimer.wake(),
      heard(report) {
        if (report === 'main-back') claimer.wake();
      },
      onExchange: (exchange) => ring.onExchange(exchange),
      onReconciled: (result) => ring.onReconciled(result),
      onPermission: (permission) => ring.onPermission(permission),
    };
  }

  async close(): Promise<void> {
    await this.#ring?.close();
  }

  get #session(): Session {
    return this.#opened!;
  }
}

/** Where most tasks are: polled from the start, so that the first one of a type is found without being published. */
function plainLane(task_type: string) {
  return { lane: laneKey(task_type, null), claim_rank: claimRank(null), task_type, required_capabilities: null };
}
