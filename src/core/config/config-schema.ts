// The whole of afd.yaml, in the words of the design document. Durations are numbers of seconds (fractions allowed) or
// strings such as "250ms", "30s", "5m", "2h"; they are resolved to seconds.
import { z } from 'zod';
import { DEFAULT_POLICY } from '../domain/placement/policy.ts';
import { commandKeys } from './command-keys.ts';
import {
  between,
  bytes,
  DAY,
  duration,
  encryption,
  flag,
  HOUR,
  interval,
  LONGEST_RUN,
  networks,
  percent,
  port,
  seconds,
  server,
  timeZone,
  urls,
  weight,
  whole,
} from './config-values.ts';
import { hosts } from './sections/database-hosts.ts';
import { logKeys } from './sections/log-keys.ts';
import { secretKeys } from './sections/secret-keys.ts';

const MB = 1024 ** 2;
export const ISOLATIONS = ['none', 'thread', 'process'] as const;
/** Of a module that does not say: docs/adr/0024-isolation.md. */
export const DEFAULT_ISOLATION: (typeof ISOLATIONS)[number] = 'thread';
export const RECYCLE = { tasks: 1000, memory: 512 * MB };

const DEVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const handlerSchema = z
  .strictObject({
    /** Path of a JavaScript or TypeScript module, relative to the configuration file. */
    module: z.string().min(1).optional(),
    /** Where a module runs: the worker's main thread, a thread that all such modules share, or a process for each attempt at a time. */
    isolation: z.enum(ISOLATIONS, { error: `must be one of ${ISOLATIONS.join(', ')}` }).optional(),
    /** When a process in which a module runs is replaced: after this number of attempts, or when one left it larger than this. */
    recycle: z
      .strictObject({
        tasks: whole(1, 1_000_000).default(RECYCLE.tasks),
        memory: bytes(MB, 1024 ** 4).default(RECYCLE.memory),
      })
      .optional(),
    /** argv; never a shell line. */
    exec: z.array(z.string()).min(1).optional(),
    timeout: duration(0, LONGEST_RUN).optional(),
    /** Most tasks of the type that one worker runs at once; absent = as many as it has slots. */
    max: whole(1, 10_000).optional(),
    /** Added to the allow-listed environment of a process. */
    env: z
      .record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean()], { error: 'must be text' }).transform((value) => String(value)),
      )
      .default({}),
    /** Working directory of a process, relative to the configuration file. */
    cwd: z.string().optional(),
    /** The command promises a result file; without one the attempt has failed. */
    result: flag.default(false),
    /** Which attempts leave their output in the database. */
    run_log: z.enum(['on', 'off', 'on-failure'], { error: 'must be one of on, off, on-failure' }).default('on'),
    ...commandKeys,
  })
  .refine((h) => (h.module === undefined) !== (h.exec === undefined), {
    message: 'a handler needs either "module: ./file.ts" or "exec: [program, argument]", not both',
  })
  .refine((h) => h.exec === undefined || h.isolation === undefined, {
    message: '"isolation" applies to modules only; a command runs in its own process',
  })
  .refine((h) => h.user === undefined || h.exec !== undefined || h.isolation === 'process', {
    message:
      '"user" applies to commands and to modules with "isolation: process"; a thread runs as the user of the worker',
  })
  .refine((h) => h.recycle === undefined || h.isolation === 'process', {
    message: '"recycle" applies to modules with "isolation: process" only',
  });

export const configSchema = z.strictObject({
  enabled: flag.default(true),
  mode: z.enum(['master', 'worker']).optional(),
  server,
  master: z
    .strictObject({
      host: z.string().optional(),
      port: port.optional(),
      api_key: z.string().optional(),
      scheduler_interval: interval(5),
      health_check_interval: interval(1),
      heartbeat_timeout: seconds(60, 1, DAY),
      task_timeout: seconds(1800, 0.001, LONGEST_RUN),
      max_retry_count: whole(0, 10_000).default(3),
      /** Wait before try n: initial · 2^(n−1), at most max, ± jitter. */
      retry_backoff: z
        .strictObject({
          initial: seconds(30, 0, LONGEST_RUN),
          max: seconds(3600, 0, LONGEST_RUN),
          jitter: between(0, 1).default(0.2),
        })
        .prefault({}),
      /** How often the leader checks for devices whose session lock is free. */
      lock_check_interval: interval(0.25),
      /** How long a lock must stay free before its device counts as dead. */
      lock_grace: seconds(1, 0, HOUR),
      /** How long locks are ignored after a server start (or the leader's own reconnect). */
      lock_trust_after_start: seconds(15, 0, DAY),
      /** How often the leader polls for tasks of programs that do not know afd. */
      watch_interval: interval(0.1),
      lease_duration: seconds(10, 0.1, HOUR),
      lease_renew_interval: interval(2.5),
      /** How long the leader trusts its lease, counted from the start of its last good renewal. */
      lease_trust: seconds(7, 0.1, HOUR),
      /** The leader ends a revoked attempt itself when its holder has not done so within this time. */
      revoke_timeout: seconds(20, 0, DAY),
      /** deadline_at = claim + timeout + this: the leader's backstop behind the worker's own timer. */
      deadline_slack: seconds(30, 0, DAY),
      /** Waits after the first, second and further time that a worker died under a task; as many make it poison. */
      lost_backoff: z.array(duration(0, LONGEST_RUN)).max(100).default([0, 60, 300]),
      /** Days of heartbeat history. */
      heartbeat_history_days: whole(1, 3650).default(7),
      /** Days of run logs. */
      run_log_history_days: whole(1, 3650).default(7),
      /** Days of the delivery logs of webhooks. */
      webhook_history_days: whole(2, 3650).default(7),
      /** Days of the audit log. */
      audit_history_days: whole(1, 36_500).default(365),
      /** Addresses and networks beyond the internet to which webhooks may be sent. */
      webhook_networks: networks,
    })
    .prefault({}),
  load_balancer: z
    .strictObject({
      strategy: z.enum(['least_tasks', 'round_robin', 'weighted']).default(DEFAULT_POLICY.strategy),
      weights: z
        .strictObject({
          load_factor: weight.default(DEFAULT_POLICY.weights.load_factor),
          capability_match: weight.default(DEFAULT_POLICY.weights.capability_match),
          success_rate: weight.default(DEFAULT_POLICY.weights.success_rate),
          response_time: weight.default(DEFAULT_POLICY.weights.response_time),
        })
        .prefault({}),
      /** Added to the score of a device in the region that a task prefers. */
      region_bonus: weight.default(DEFAULT_POLICY.region_bonus),
      /** A device that scores less defers to those that do not. */
      min_score: weight.default(DEFAULT_POLICY.min_score),
    })
    .prefault({}),
  worker: z
    .strictObject({
      device_id: z
        .string()
        .regex(DEVICE_ID, 'must be 1 to 64 letters, digits, ".", "_" or "-", and start with a letter or digit')
        .optional(),
      device_name: z.string().max(128).optional(),
      max_concurrent_tasks: whole(1, 10_000).default(5),
      heartbeat_interval: interval(10),
      task_poll_interval: interval(1),
      tick_interval: interval(1),
      capabilities: z
        .looseObject({
          supported_tasks: z.array(z.string().min(1)).optional(),
          /** The document's word for the number of slots; max_concurrent_tasks wins where both are given. */
          max_concurrent: whole(1, 10_000).optional(),
        })
        .prefault({}),
      region: z.string().max(64).optional(),
      labels: z.record(z.string(), z.string()).optional(),
      /** Per cent of the machine that are in use; above them nothing is claimed. */
      resource_limits: z
        .strictObject({ cpu_usage: percent, memory_usage: percent, disk_usage: percent, interval: interval(2) })
        .prefault({}),
      /** Folders in which the modules of handlers lie, relative to the configuration file. */
      handler_folders: z.array(z.string().min(1)).min(1).max(100).default(['.']),
      /** Folder of the artefacts that attempts keep, relative to the configuration file. */
      artifacts: z.string().min(1).optional(),
      /** Folder for the lines of run logs as files, relative to the configuration file; otherwise the database alone has them. */
      run_log_folder: z.string().min(1).optional(),
      shutdown_timeout: seconds(30, 0, LONGEST_RUN),
      on_lost_database: z.enum(['stop', 'finish']).default('stop'),
      /** Time between SIGTERM and SIGKILL for a command that is ended. */
      kill_grace: seconds(5, 0, HOUR),
      /** Output that is kept of each attempt: the first quarter, and the newest. */
      run_log_bytes: whole(65_536, 67_108_864).default(1_048_576),
      /** An attempt that runs longer is written as started. */
      start_flush_after: seconds(1, 0, HOUR),
      /** Gateways of a worker without a database: one is asked, the next when it does not answer. */
      gateway: urls.optional(),
      /** Remote worker: files of the certificate that it shows to gateways, and of its key, relative to the configuration file. */
      tls_cert: z.string().min(1).optional(),
      tls_key: z.string().min(1).optional(),
      /** Remote worker: file with the authorities of gateways; otherwise those of Node.js. */
      tls_ca: z.string().min(1).optional(),
      /** Remote worker: tasks that are taken ahead beyond the slots, for an announced outage. */
      prefetch: whole(0, 10_000).default(0),
      /** Remote worker: for how long it may be silent and keeps what it holds. */
      offline_for: seconds(0, 0, 30 * DAY),
      /** Remote worker: folder of what it cannot deliver, relative to the configuration file. */
      journal: z.string().min(1).optional(),
      journal_bytes: bytes(MB, 1024 ** 4).default(64 * MB),
      /** When all slots are stuck for this long: release everything and exit 1. */
      stuck_timeout: seconds(60, 0, DAY),
      leader: flag.default(true),
      /** The one port of a worker: what makes work rings it, so that it need not wait for a poll. */
      ring: z
        .strictObject({
          enabled: flag.default(true),
          /** The address that others ring; otherwise that of the socket to the database. */
          host: z.union([z.ipv4(), z.ipv6()], { error: 'is not an IP address' }).optional(),
          port: port.default(0),
        })
        .prefault({}),
    })
    .prefault({}),
  database: z
    .strictObject({
      url: z.string().optional(),
      host: z.string().optional(),
      hosts: hosts.optional(),
      port: port.optional(),
      user: z.string().optional(),
      password: z.string().optional(),
      password_file: z.string().optional(),
      socket: z.string().optional(),
      name: z.string().optional(),
      ...encryption,
      time_zone: timeZone,
      session_timeout: seconds(15, 1, DAY),
      call_timeout: seconds(5, 0.1, HOUR),
      read_url: z.string().optional(),
      read_max_delay: seconds(10, 1, DAY),
    })
    .prefault({}),
  tables: z.strictObject({ task: z.string().default('af_crawl_task'), prefix: z.string().default('af_') }).prefault({}),
  handlers: z.record(z.string(), handlerSchema).default({}),
  secrets: secretKeys,
  log: logKeys,
});

export type Config = z.output<typeof configSchema>;
export type HandlerConfig = z.output<typeof handlerSchema>;
