// The two lists of the design document (5.2.1, 5.2.2), with additions that a client may ignore.
import { z } from 'zod';
import { deviceId, givenId, instant } from './values.ts';

export const listedDevice = z.object({
  device_id: z.string(),
  device_name: z.string(),
  device_type: z.enum(['master', 'worker', 'gateway']),
  status: z.enum(['online', 'offline', 'busy']),
  current_tasks: z.int(),
  last_heartbeat: instant.nullable(),
  operator_state: z.string(),
  via: z.string().nullable().meta({ description: 'Gateway that it asked last; null = it has a session of its own.' }),
});

export const adminDevicesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  after: deviceId.optional().meta({ description: '`next` of the last answer.' }),
});
export const adminDevices = z.object({
  devices: z.array(listedDevice),
  next: z.string().nullable().meta({ description: 'Device id behind which the list goes on; null = this is the end.' }),
});

export const listedAssignment = z.object({
  task_id: z.int(),
  device_id: z.string(),
  status: z.string(),
  assigned_at: instant.nullable(),
  started_at: instant.nullable(),
  completed_at: instant.nullable(),
  assignment_id: z.int(),
  attempt: z.int().nullable(),
});

export const assignmentsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: givenId.optional().meta({ description: '`next` of the last answer: only older attempts.' }),
  device_id: deviceId.optional(),
  status: z
    .enum(['assigned', 'running', 'completed', 'failed', 'timeout', 'cancelled', 'released', 'lost'])
    .optional()
    .meta({ description: 'Without `device_id` only `assigned` or `running`.' }),
});
export const assignments = z.object({
  assignments: z.array(listedAssignment).meta({ description: 'The newest first.' }),
  next: z.int().nullable().meta({ description: 'Null = this is the end.' }),
});
