// Devices, the leader, lanes and settings as operators see them.
import { z } from 'zod';
import { cursor, limitUpTo, nextCursor, total } from './list-values.ts';
import { progress } from './task-contract.ts';
import { answered, deviceId, instant, rowId } from './values.ts';

const status = z.enum(['online', 'offline', 'busy']).meta({ description: 'A silent device is offline.' });
const operatorState = z.enum(['active', 'paused', 'draining', 'quarantined']);
const deviceType = z.enum(['master', 'worker', 'gateway']);

export const devicesQuery = z.strictObject({
  status: status.optional(),
  operator_state: operatorState.optional(),
  device_type: deviceType.optional(),
  task_type: z.string().max(255).optional().meta({ description: 'Handles tasks of this type.' }),
  region: z.string().max(64).optional(),
  device_id: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'How its id begins.', examples: ['worker-'] }),
  limit: limitUpTo(500, 100),
  cursor: cursor.optional(),
});

const stuck = z.object({ task_id: rowId, task_type: z.string() });

export const device = z
  .object({
    device_id: z.string().meta({ examples: ['worker-001'] }),
    device_name: z.string(),
    device_type: deviceType,
    status,
    silent: z.boolean().meta({ description: 'Offline by silence alone: nobody has declared it dead yet.' }),
    operator_state: operatorState,
    ip_address: z.string(),
    port: z.int(),
    capabilities: z.record(z.string(), z.unknown()),
    max_concurrent_tasks: z.number(),
    current_tasks: z.int(),
    stuck: z.array(stuck),
    last_heartbeat: instant.nullable(),
    over_limits: z.array(z.string()),
    recent_claims: z.number(),
    success_rate: z.number().nullable(),
    avg_duration_ms: z.number().nullable(),
    region: z.string().nullable(),
    labels: z.unknown(),
    version: z.string().nullable(),
    via: z.string().nullable().meta({ description: 'Gateway that it asked last; null = it has a session of its own.' }),
    is_leader: z.boolean(),
    created_at: instant.nullable(),
    problems: z.array(z.string()).meta({ description: 'What in its row cannot be used.' }),
  })
  .meta({ id: 'Device' });

export const devicesAnswer = z.object({
  devices: z.array(device).meta({ description: 'In the order of their ids.' }),
  cursor: nextCursor,
  searched_to: z
    .string()
    .nullable()
    .meta({ description: 'Set when the page is not full because its read was bounded.' }),
  ...answered,
});

export const deviceQuery = z.strictObject({
  history: z.coerce.number().int().min(0).max(1000).default(60).meta({ description: 'Heartbeats that come with it.' }),
});

const reading = z.object({
  heartbeat_time: instant.nullable(),
  cpu_usage: z.number().nullable().meta({ description: 'Percent.' }),
  memory_usage: z.number().nullable(),
  disk_usage: z.number().nullable(),
  active_tasks: z.int().nullable(),
});

export const deviceAnswer = z.object({
  device: device.extend({
    last_readings: reading.extend({ system_info: z.unknown() }).nullable(),
    assignments: z.array(
      z.object({
        task_id: rowId,
        task_type: z.string().nullable(),
        status: z.string(),
        attempt: z.int().nullable(),
        assigned_at: instant.nullable(),
        started_at: instant.nullable(),
        deadline_at: instant.nullable(),
        revoked_at: instant.nullable(),
        progress: progress.nullable(),
      }),
    ),
    history: z.array(reading).meta({ description: 'Its newest heartbeats of the last 24 hours, oldest first.' }),
  }),
  ...answered,
});

const expectDevice = z
  .strictObject({ operator_state: operatorState.optional() })
  .meta({ description: 'As the device was seen. If it has changed, the answer is 409 and nothing happens.' });

export const deviceActBody = z.strictObject({ expect: expectDevice.optional() });
export const deviceActAnswer = z.object({
  device_id: z.string(),
  operator_state: operatorState,
  previous: operatorState,
  current_tasks: z.int().meta({ description: 'What it still runs.' }),
  by: z.string(),
  ...answered,
});

export const removeBody = z.strictObject({
  expect: expectDevice.optional(),
  force: z
    .boolean()
    .default(false)
    .meta({ description: 'Although it is alive or holds tasks: the leader takes them back.' }),
});
export const removeAnswer = z.object({
  device_id: z.string(),
  removed: z.literal(true),
  orphaned: z.int(),
  by: z.string(),
  ...answered,
});

const column = z.array(z.int());
export const mapAnswer = z
  .object({
    statuses: z.array(z.string()).meta({ description: 'Words of the column `status`.' }),
    operator_states: z.array(z.string()),
    device_types: z.array(z.string()),
    regions: z.array(z.string().nullable()),
    columns: z.object({
      device_id: z.array(z.string()),
      device_type: column,
      status: column,
      operator_state: column,
      region: column,
      slots: column,
      running: column,
      flags: column.meta({
        description: '1 = over a resource limit, 2 = has stuck slots; the sum of those that hold.',
      }),
    }),
    complete: z.boolean().meta({ description: 'False: there are more devices than 20,000.' }),
    ...answered,
  })
  .meta({
    description:
      'All devices by columns: entry n of each column is of the same device. Other columns than device_id are indexes or numbers.',
  });

export const leaderAnswer = z.object({
  leader: z.object({
    device_id: z.string().nullable().meta({ description: 'Null: there is no leader.' }),
    last_holder: z.string().nullable(),
    term: z.int(),
    acquired_at: instant.nullable(),
    renewed_at: instant.nullable(),
    expires_at: instant.nullable(),
    failing: z.array(z.object({ duty: z.string(), message: z.string(), since: z.string() })),
  }),
  ...answered,
});

export const resignBody = z.strictObject({
  expect: z
    .strictObject({ device_id: deviceId.optional(), term: z.int().min(0).optional() })
    .optional()
    .meta({ description: 'As the leader was seen. If it has changed, the answer is 409 and nothing happens.' }),
});
export const resignAnswer = z.object({
  resigned: z.boolean().meta({ description: 'False: there was no leader.' }),
  device_id: z.string().nullable(),
  term: z.int(),
  by: z.string(),
  ...answered,
});

export const lanesAnswer = z.object({
  lanes: z.array(
    z.object({
      task_type: z.string(),
      required_capabilities: z.unknown(),
      priority: z.int(),
      pending: total.nullable().meta({ description: 'Exact up to 1,000. Null: not counted.' }),
      head_task_id: rowId.meta({ description: 'The task that is claimed first.' }),
      due_at: instant.meta({ description: 'When that one is due.' }),
      able: z.int().nullable().meta({ description: 'Online devices that can run it, as the leader said last.' }),
      published_at: instant.nullable(),
    }),
  ),
  complete: z.boolean(),
  ...answered,
});

export const settingsAnswer = z.object({
  settings: z.array(
    z.object({
      key: z.string().meta({ examples: ['master.task_timeout'] }),
      value: z.unknown().meta({ description: 'Null: the fleet has none, and the own value of each node holds.' }),
      updated_at: instant.nullable(),
      updated_by: z.string().nullable(),
    }),
  ),
  ...answered,
});

const values = z.record(z.string().max(64), z.unknown());
export const settingsBody = z.strictObject({
  values: values.meta({
    description: 'New values by key; durations in seconds.',
    examples: [{ 'master.max_retry_count': 5 }],
  }),
  expect: values.optional().meta({
    description: 'Values as they were seen, null for none. If one has changed, the answer is 409 and nothing happens.',
  }),
});
export const settingsChanged = z.object({
  changes: z.array(z.object({ key: z.string(), from: z.unknown(), to: z.unknown() })),
  warnings: z.array(z.string()),
  by: z.string(),
  ...answered,
});

const counted = z.record(z.string(), total);
export const overviewAnswer = z.object({
  tasks: counted.meta({ description: 'By status.' }),
  last_hour: counted.meta({ description: 'Attempts that ended within the last hour, by how.' }),
  overdue: total.meta({ description: 'Open attempts past their deadline.' }),
  oldest_due_age: z.number().nullable().meta({ description: 'Seconds that the oldest due task has waited.' }),
  devices: z.object({ online: z.int(), busy: z.int(), offline: z.int(), inactive: z.int(), slots: z.int() }),
  leader: z.object({ device_id: z.string().nullable(), term: z.int() }),
  ...answered,
});

export const statusAnswer = z.looseObject({
  well: z.boolean(),
  problems: z.array(z.string()).meta({ description: 'Why it is not well, a sentence each.' }),
  ...answered,
});
