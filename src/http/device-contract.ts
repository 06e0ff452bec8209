// What a remote worker and a gateway say to each other beyond the calls of the design document. JSON; tokens are hexadecimal,
// texts of JSON columns stay texts, so that no number loses digits.
import { z } from 'zod';
import { deviceId, token } from './values.ts';

const id = z.int().positive();
const seconds = z.number().nonnegative();

/** A task as a claim and its recovery read it: `ClaimedTask` of core/db/claim/claimed-task.ts, field by field. */
export const wireTask = z.object({
  id,
  attempt: z.int().meta({ description: 'Number of the attempt before this claim.' }),
  task_type: z.string(),
  username: z.string().nullable(),
  app_id: z.string().nullable(),
  start_date: z.string().nullable(),
  end_date: z.string().nullable(),
  task_data: z.string().nullable().meta({ description: 'JSON text; null also when it is fetched separately.' }),
  payload_bytes: z.int(),
  priority: z.int().nullable(),
  retry: z.int().nullable(),
  execution_timeout: z.union([z.number(), z.string()]).nullable(),
  required_capabilities: z.string().nullable(),
  claim_rank: z.int(),
  due_at: z.string(),
  claimed_by: z.string().nullable(),
  lease_s: seconds,
  deferred: z.boolean(),
  assignment_id: id.nullable(),
});

/** How an attempt ended: `Finish` of core/domain/attempt/reconcile.ts, without what is the worker's own. */
export const wireFinish = z.object({
  task_id: id,
  task_type: z.string(),
  attempt: z.int(),
  assignment_id: id.nullable(),
  claim_token: token,
  outcome: z.looseObject({ kind: z.enum(['done', 'retry', 'later', 'permanent', 'timeout', 'released']) }),
  age_ms: z.number().nullable(),
  checkpoint: z.boolean().optional(),
  lane: z
    .object({ claim_rank: z.int(), task_type: z.string(), required_capabilities: z.string().nullable() })
    .optional(),
});

/** How many tasks of one type a claim may take. */
export const typeRoom = z.object({
  now: z.int().min(0).meta({ description: 'How many can begin now.' }),
  later: z.int().min(0).meta({ description: 'How many more may wait for a slot of the worker; only first attempts.' }),
  defer: z.boolean().meta({ description: 'Attempts of this type get their rows with their ends.' }),
  timeout: seconds.optional().meta({ description: 'Of the handler, where it has one.' }),
});

export const exchangeBody = z.object({
  instance_token: token,
  finishes: z.array(wireFinish).max(1000),
  claim: z
    .object({
      claim_token: token.meta({ description: 'Random. With it the outcome of a lost answer is found out.' }),
      limit: z.int().min(1).max(2000),
      free: z.int().min(0),
      types: z.record(z.string(), typeRoom),
    })
    .optional(),
});

/** One for each finish, in the order in which they were sent. */
export const wireReconciled = z.object({
  kind: z.enum(['accepted', 'committed', 'lost']),
  task_status: z.string().optional(),
  assignment_status: z.string().optional(),
  due_in_s: seconds.optional(),
  reason: z.string().optional(),
});

export const exchangeAnswer = z.object({
  permission: z.enum(['open', 'paused', 'offline', 'superseded', 'missing', 'not-asked']),
  reconciled: z.array(wireReconciled),
  claimed: z.array(wireTask),
  more: z.boolean().meta({ description: 'More seems to be due for this device.' }),
});

/** An attempt that the database holds open for the device. */
export const openAttempt = z.object({
  task_id: id,
  assignment_id: id,
  claim_token: token,
  revoked: z.boolean(),
  revoked_by: z.string().nullable(),
});

export const setting = z.object({ name: z.string(), value: z.unknown() });

export const waitQuery = z.object({
  instance_token: token,
  seconds: z.coerce.number().min(0).max(60).default(25),
  free: z.coerce.number().int().min(0).default(0),
  after: z
    .string()
    .max(200)
    .optional()
    .meta({ description: '`cursor` of the last answer; without it the answer comes at once.' }),
});

/** Comes when something has changed since `after`, when there is work for a device with free slots, else after `seconds`. */
export const waitAnswer = z.object({
  cursor: z.string(),
  work: z.boolean(),
  /** Null = the row is gone, or another instance has it. */
  device: z.object({ operator_state: z.string(), status: z.string() }).nullable(),
  open: z.array(openAttempt).optional().meta({ description: 'All of them, where they were read.' }),
  settings: z.array(setting).optional().meta({ description: 'All of them, when they have changed.' }),
});

export const deviceParams = z.object({ device_id: deviceId });

export type WireTask = z.output<typeof wireTask>;
export type WireFinish = z.output<typeof wireFinish>;
export type TypeRoom = z.output<typeof typeRoom>;
export type ExchangeBody = z.output<typeof exchangeBody>;
export type ExchangeAnswer = z.output<typeof exchangeAnswer>;
export type WaitAnswer = z.output<typeof waitAnswer>;
