// How a device behind a gateway registers, shows that it lives, and leaves: bodies of the design document (5.1.1, 5.1.4), and
// what a remote worker adds to them.
import { z } from 'zod';
import { openAttempt, setting } from './device-contract.ts';
import { deviceId, instant, token } from './values.ts';

const seconds = z.number().nonnegative();

const capabilities = z.looseObject({ supported_tasks: z.array(z.string()).max(1000).optional() });

export const registerBody = z.looseObject({
  device_id: deviceId,
  device_name: z.string().min(1).max(128).optional(),
  device_type: z.enum(['worker', 'master']).default('worker'),
  ip_address: z.string().max(45).optional(),
  port: z.int().min(0).max(65_535).optional(),
  capabilities: capabilities.default({}),
  max_concurrent_tasks: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ description: 'Before `capabilities.max_concurrent`.' }),
  region: z.string().max(64).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  remote: z
    .boolean()
    .default(false)
    .meta({ description: 'It speaks the protocol of remote workers. Then the rest counts.' }),
  instance_token: token
    .optional()
    .meta({ description: 'Random, of this process. With it, registering may be repeated.' }),
  heartbeat_interval: seconds.optional(),
  version: z.string().max(32).optional(),
  host_name: z.string().max(255).optional(),
  pid: z.int().min(0).optional(),
  offline_for: seconds
    .max(30 * 86_400)
    .default(0)
    .meta({ description: 'For this long it may be silent and keeps what it holds, in seconds.' }),
});

export const registerAnswer = z.object({
  device_id: z.string(),
  status: z.literal('online'),
  heartbeat_timeout: seconds.meta({ description: 'A device that is silent for longer is dead, in seconds.' }),
  gateway: z.string().meta({ description: 'Device id of the gateway.' }),
  now: instant,
  instance_token: token.optional(),
  server: z.string().optional().meta({ description: 'Name of the database server.' }),
  operator_state: z.string().optional(),
  settings: z.array(setting).optional(),
});

const percentage = z.number().nullable().optional();
const stuckTask = z.object({ task_id: z.int().positive(), task_type: z.string(), attempt: z.int() });

export const heartbeatBody = z.looseObject({
  timestamp: z.string().max(64).optional().meta({ description: 'Not used: the clock of the database counts.' }),
  status: z.enum(['online', 'busy']).default('online'),
  system_info: z
    .looseObject({
      cpu_usage: percentage,
      memory_usage: percentage,
      disk_usage: percentage,
      active_tasks: z.int().min(0).max(1_000_000).optional(),
    })
    .default({}),
  instance_token: token.optional(),
  recent_claims: z.int().min(0).max(10_000_000).default(0),
  over_limits: z.array(z.string().max(500)).max(20).default([]),
  stuck: z.array(stuckTask).max(10_000).default([]),
});

export const heartbeatAnswer = z.object({
  device_id: z.string(),
  device: z.object({ operator_state: z.string(), status: z.string() }),
  open: z.array(openAttempt).meta({ description: 'All attempts that the database holds open for the device.' }),
  settings: z.array(setting),
  now: instant,
});

/** POST sign-off: the device is offline by its own will. */
export const signOffBody = z.object({ instance_token: token });
export const signOffAnswer = z.object({
  signed_off: z.boolean().meta({ description: 'False = another instance owns the id.' }),
});

export type RegisterBody = z.output<typeof registerBody>;
export type RegisterAnswer = z.output<typeof registerAnswer>;
export type HeartbeatBody = z.output<typeof heartbeatBody>;
export type HeartbeatAnswer = z.output<typeof heartbeatAnswer>;
