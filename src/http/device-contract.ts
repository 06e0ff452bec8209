// What a remote worker and a gateway say to each other beyond the calls of the design document. JSON; tokens are hexadecimal,
// texts of JSON columns stay texts, so that no number loses digits. Below /api/v1/devices/{device_id}/:
//
//   GET  wait         waitQuery → waitAnswer             POST logs               logsBody → logsAnswer
//   POST exchange     exchangeBody → exchangeAnswer      POST logs/written       writtenBody → writtenAnswer
//   POST recover      recoverBody → recoverAnswer        POST progress           progressBody → progressAnswer
//   POST starts       startsBody → startsAnswer          POST checkpoints        checkpointBody → checkpointAnswer
//   POST payload      payloadBody → payloadAnswer        POST checkpoints/read   checkpointsBody → checkpointsAnswer
//   POST deliver      deliverBody → deliverAnswer        POST checkpoints/delete checkpointDeleteBody → …Answer
//   POST secrets      secretsBody → secretsAnswer
//   POST heartbeat    heartbeatBody → heartbeatAnswer    POST sign-off           signOffBody → signOffAnswer
//   and POST /api/v1/devices/register (device-life.ts, device-reports.ts, device-secrets.ts)
//
// A call with the token of another instance than the one that owns the device id is refused: 409 E_SUPERSEDED. An error that
// the database raised has the member `database` in its problem document (databaseProblem).
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

const errorText = z.string().max(65_535);
const errorClass = z.string().max(64);
/** Longest wait that is stored, in seconds. */
const after = z
  .number()
  .min(0)
  .max(3650 * 86_400);

/** `Outcome` of core/domain/attempt/outcome.ts. Tasks of `enqueue` are checked where they are inserted. */
export const wireOutcome = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('done'),
    result: z.unknown(),
    enqueue: z.array(z.looseObject({})).max(10_000).default([]),
  }),
  z.object({ kind: z.literal('retry'), error_message: errorText, error_class: errorClass, after: after.optional() }),
  z.object({ kind: z.literal('later'), error_message: errorText, after }),
  z.object({ kind: z.literal('permanent'), error_message: errorText, error_class: errorClass }),
  z.object({ kind: z.literal('timeout'), error_message: errorText }),
  z.object({ kind: z.literal('released'), cause: z.string().max(64) }),
]);

/** How an attempt ended: `Finish` of core/domain/attempt/reconcile.ts, without what is the worker's own. */
export const wireFinish = z.object({
  task_id: id,
  task_type: z.string(),
  attempt: z.int(),
  assignment_id: id.nullable(),
  claim_token: token,
  outcome: wireOutcome,
  age_ms: z.number().min(0).nullable(),
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
  more: z.boolean().meta({ description: 'More seems to be due for this device: it may ask again at once.' }),
});

/**
 * Members of the problem document of an error that the database raised; `code` is there as in each. What a port makes of
 * them: `DatabaseError` (`ClaimRefused` where `task_ids` are given).
 */
export const databaseProblem = z.object({
  retry: z.enum(['transaction', 'connection', 'slow', 'final']),
  fault: z.enum(['data', 'statement']).nullable().meta({ description: 'Set exactly when `retry` is `final`.' }),
  rolled_back: z.boolean(),
  undone: z.boolean(),
  refused: z.boolean(),
  errno: z.int().nullable(),
  driver_code: z.string().nullable(),
  task_ids: z.array(id).optional().meta({ description: 'Tasks that the refused claim had taken.' }),
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
  free: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .meta({ description: 'Slots in which a task can begin. Without any it is not woken for work.' }),
  without: z
    .string()
    .max(4000)
    .optional()
    .meta({ description: 'Task types that have no room, separated by commas: it is not woken for these.' }),
  held: z.coerce.number().int().min(0).default(0).meta({
    description: 'Attempts that it holds. Only with some does it hear of revoked ones in less than a heartbeat.',
  }),
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

// ---- The other calls of a remote worker. Each write is fenced by the claim token of its attempt.

export const claimOf = z.object({ task_id: id, claim_token: token });

/** POST recover: what these claims hold, unbegun and open; what is missing did not happen. */
export const recoverBody = z.object({ instance_token: token, tokens: z.array(token).min(1).max(1000) });
export const recoverAnswer = z.object({ claimed: z.array(wireTask.extend({ claim_token: token })) });

/** POST starts: rows for deferred claims that go on, and `started_at` for attempts that run. */
export const startsBody = z.object({
  deferred: z.array(claimOf).max(2000).default([]),
  starts: z
    .array(z.object({ assignment_id: id, claim_token: token, age_ms: z.number().min(0), lease_s: seconds }))
    .max(2000)
    .default([]),
});
export const startsAnswer = z.object({
  materialized: z
    .array(z.object({ task_id: id, assignment_id: id }))
    .meta({ description: 'A deferred one that is not among them is no longer held.' }),
  lost: z.array(id).meta({ description: 'Assignments of `starts` that are no longer held.' }),
});

/** POST payload: task_data that was too long to come with the claim. */
export const payloadBody = claimOf;
export const payloadAnswer = z.object({ held: z.boolean(), task_data: z.string().nullable() });

/** POST deliver: ends of an earlier process of the device, from its journal, before the new one registers. */
export const deliverBody = z.object({
  instance_token: token.meta({ description: 'Of that earlier process.' }),
  finishes: z.array(wireFinish).min(1).max(1000),
});
export const deliverAnswer = z.object({ reconciled: z.array(wireReconciled) });

export type WireTask = z.output<typeof wireTask>;
export type WireFinish = z.output<typeof wireFinish>;
export type WireReconciled = z.output<typeof wireReconciled>;
export type TypeRoom = z.output<typeof typeRoom>;
export type ExchangeBody = z.output<typeof exchangeBody>;
export type ExchangeAnswer = z.output<typeof exchangeAnswer>;
export type WaitAnswer = z.output<typeof waitAnswer>;
export type DatabaseProblem = z.output<typeof databaseProblem>;
export type StartsBody = z.output<typeof startsBody>;
export type WireOpenAttempt = z.output<typeof openAttempt>;
