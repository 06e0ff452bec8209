// The duties of a leader, each with its interval.

import { BatchEnder } from '../batches/batch-ender.ts';
import type { Config } from '../config/config-schema.ts';
import { HEARTBEATS, type History, RUN_LOGS, TASK_ENDS, WEBHOOK_DELIVERIES } from '../db/history/day-partitions.ts';
import { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { FoundDead } from '../election/lock-watch.ts';
import type { RingSender } from '../ring/ring-sender.ts';
import type { Events } from '../runtime/events.ts';
import type { Keyring } from '../secrets/keyring.ts';
import { EndRecorder } from '../webhooks/ends/end-recorder.ts';
import { WebhookSender } from '../webhooks/send/webhook-sender.ts';
import { pruneAudit } from './audit-pruner.ts';
import { FiguresKeeper } from './device-figures.ts';
import { DirectedTasks } from './directed-tasks.ts';
import type { DutySession } from './duty/duty-session.ts';
import { LanePublisher } from './lane-publisher.ts';
import { Pruner } from './pruner.ts';
import type { HealthCheck } from './rescue/health-check.ts';
import { SettingsKeeper } from './settings-keeper.ts';
import { Watcher } from './watcher.ts';

export interface DutiesOptions {
  /** Used by the duties alone; they close it at the end of their run. */
  session: Session;
  names: TableNames;
  config: Config;
  /** Opens the signing secrets of webhooks. */
  keyring: Keyring;
  events: Events;
  deviceId: string;
  term: number;
  /** Monotonic milliseconds of the last reconnect of this process's liveness session, if it had one; now while it is lost. */
  lastReconnectAt?: (() => number | undefined) | undefined;
  /** The leader before, if the lease was taken from it because it is dead. */
  found?: FoundDead | undefined;
  /** The ring sender of this process, if it has one: else the duties have their own. */
  ringSender?: (() => RingSender | undefined) | undefined;
  /** Milliseconds of a monotonic clock. */
  monotonic?: () => number;
  random?: () => number;
}

export type DutyName =
  | 'publish-lanes'
  | 'watch'
  | 'lock-check'
  | 'health-check'
  | 'return-assigned'
  | 'figures'
  | 'prune'
  | 'prune-logs'
  | 'prune-ends'
  | 'prune-deliveries'
  | 'end-batches'
  | 'prune-audit'
  | 'record-ends'
  | 'send-webhooks'
  | 'settings';
export type Counts = Record<string, number>;

const PUBLISH_MS = 1000;
const PRUNE_MS = 3_600_000;
const BATCHES_MS = 1000;
const WEBHOOKS_MS = 1000;
const SETTINGS_MS = 60_000;
/** Streams and webhooks read a row within seconds; after an outage of days they still find it. */
const TASK_END_DAYS = 7;
const DDL_DEADLINE_MS = 120_000;

type Round = (signal?: AbortSignal) => Promise<object>;

export interface Duty {
  name: DutyName;
  intervalMs: number;
  runOnce: (signal?: AbortSignal) => Promise<Counts>;
}

export interface DutyList {
  duties: Duty[];
  /** Both hold connections, and are closed by the caller. */
  watcher: Watcher;
  sender: WebhookSender;
}

export function dutyList(options: DutiesOptions, duty: DutySession, health: HealthCheck): DutyList {
  const { session, config, events, random } = options;
  const { master } = config;
  const lanes = new LanePublisher({ duty, fleet: master, warn: (message) => events.emit('warning', { message }) });
  const directed = new DirectedTasks(duty);
  const figures = new FiguresKeeper(duty);
  const prunerOf = (history: History, historyDays: number) =>
    new Pruner({
      ...{ duty, history, historyDays },
      openSession: () => new Session({ ...session.options, deadlineMs: DDL_DEADLINE_MS, multiStatements: false }),
      note: (message) => events.emit('note', { message }),
    });
  const heartbeats = prunerOf(HEARTBEATS, master.heartbeat_history_days);
  const logs = prunerOf(RUN_LOGS, master.run_log_history_days);
  const ends = prunerOf(TASK_ENDS, TASK_END_DAYS);
  const deliveries = prunerOf(WEBHOOK_DELIVERIES, master.webhook_history_days);
  const batches = new BatchEnder(duty);
  const recorder = new EndRecorder(duty);
  const sender = new WebhookSender({
    ...{ duty, networks: master.webhook_networks, keyring: options.keyring, webhooks: () => recorder.webhooks },
    warn: (message) => events.emit('warning', { message }),
    ...(random === undefined ? {} : { random }),
  });
  const settings = new SettingsKeeper(duty, config);
  const watcher = new Watcher({ duty, config, heads: () => lanes.heads, ringSender: options.ringSender });
  const each = (name: DutyName, intervalS: number, runOnce: Round): Duty => ({
    name,
    intervalMs: intervalS * 1000,
    runOnce: async (signal) => ({ ...(await runOnce(signal)) }) as Counts,
  });
  const duties: Duty[] = [
    each('publish-lanes', Math.min(PUBLISH_MS / 1000, master.health_check_interval), () => lanes.runOnce()),
    each('watch', master.watch_interval, () => watcher.runOnce()),
    each('lock-check', master.lock_check_interval, () => health.checkLocks()),
    each('health-check', master.health_check_interval, () => health.runOnce()),
    each('return-assigned', master.scheduler_interval, () => directed.runOnce()),
    each('figures', master.scheduler_interval, () => figures.runOnce()),
    each('prune', PRUNE_MS / 1000, (signal) => heartbeats.runOnce(signal)),
    each('prune-logs', PRUNE_MS / 1000, (signal) => logs.runOnce(signal)),
    each('prune-ends', PRUNE_MS / 1000, (signal) => ends.runOnce(signal)),
    each('prune-deliveries', PRUNE_MS / 1000, (signal) => deliveries.runOnce(signal)),
    each('end-batches', BATCHES_MS / 1000, () => batches.runOnce()),
    each('prune-audit', PRUNE_MS / 1000, () => pruneAudit(duty, master.audit_history_days)),
    each('record-ends', WEBHOOKS_MS / 1000, () => recorder.runOnce()),
    // Without a signal nobody comes back for the answers.
    each('send-webhooks', WEBHOOKS_MS / 1000, (signal) => (signal ? sender.runOnce() : sender.runToEnd())),
    each('settings', SETTINGS_MS / 1000, () => settings.runOnce()),
  ];
  return { duties, watcher, sender };
}
