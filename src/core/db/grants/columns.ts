// The columns that a role may read or write, where that is less than the table. What a statement of core/db sets or reads
// stands here; test/proof/servers/grants.test.ts runs the roles, and refuses what is not here.
import { GENERATED_COLUMNS, PLAIN_COLUMNS } from '../migrate/adoption/task-columns.ts';
import { GIVEN_COLUMNS } from '../tasks/task-values.ts';

/** With these a gateway takes a report for the holder's own. */
const SECRET = ['claim_token', 'claim_instance'];

const ALL_OF_TASK = ['id', 'status', ...PLAIN_COLUMNS.map(({ name }) => name), ...GENERATED_COLUMNS.map((c) => c.name)];

/** What a producer fills in. */
export const NEW_TASK = GIVEN_COLUMNS.filter((name) => name !== 'parent_id');
/** And a handler, for the tasks that it adds. */
export const CHILD_TASK = GIVEN_COLUMNS.filter((name) => name !== 'batch_id');
/** And a gateway, for both. */
export const ANY_TASK = GIVEN_COLUMNS;

/** What a producer reads of tasks: the place of its own, which dedupe keys are taken, and the states of batches. No payload, no token. */
export const OWN_TASK = [
  'id',
  'status',
  'dedupe_key',
  'target_device_id',
  'batch_id',
  ...GENERATED_COLUMNS.map((c) => c.name),
];
/** For information_schema, which shows a column to nobody who has no right to it: afd checks that the table is complete. */
export const SEEN_BY_PRODUCER = ALL_OF_TASK.filter((name) => ![...NEW_TASK, ...OWN_TASK].includes(name));

export const READABLE_TASK = ALL_OF_TASK.filter((name) => !SECRET.includes(name));
export const SEEN_BY_READER = ALL_OF_TASK.filter((name) => SECRET.includes(name));

const INLINE_CLAIM = ['claimed_by', 'claim_instance', 'claimed_at', 'claim_deadline'];
/** What the end of an attempt writes, by whomever. */
const TASK_END = ['status', 'retry', 'lost_count', 'claim_token', ...INLINE_CLAIM, 'last_error', 'next_run_at'];
const MOVED = ['finished_at', 'updated_at', 'attempt', 'target_device_id', 'target_until'];
export const TASK_STATE = [...TASK_END, ...MOVED];

const ATTEMPT_END = ['status', 'completed_at', 'updated_at', 'error_message', 'error_class', 'cause'];
export const RESCUED_ATTEMPT = ATTEMPT_END;
export const RUN_ATTEMPT = [...ATTEMPT_END, 'started_at', 'deadline_at', 'result'];
export const OPERATED_ATTEMPT = [...RUN_ATTEMPT, 'revoked_at', 'revoke_outcome', 'revoked_by'];
/** An attempt without an end that an operator asked for, which only operators ask for. */
export const NEW_ATTEMPT = [
  ...['task_id', 'device_id', 'assigned_at', 'retry_count', 'attempt', 'claim_token', 'instance_token'],
  ...RUN_ATTEMPT.filter((name) => name !== 'updated_at'),
];

const NODE = ['device_name', 'device_type', 'ip_address', 'port', 'ring_token', 'host_name', 'pid', 'version'];
const OFFER = ['capabilities', 'max_concurrent_tasks', 'region', 'labels', 'heartbeat_interval'];
const LOAD = ['status', 'current_tasks', 'recent_claims', 'over_limits', 'stuck', 'last_heartbeat', 'updated_at'];
const HOLD = [
  'instance_token',
  'lock_name',
  'lock_server',
  'lock_taken_at',
  'gateway_id',
  'lease_until',
  'offline_for',
];
/** What a node says of itself. Whether it may claim (operator_state) an operator says. */
export const OWN_DEVICE = [...NODE, ...OFFER, ...LOAD, ...HOLD];
export const NEW_DEVICE = ['device_id', ...OWN_DEVICE];
export const LED_DEVICE = [...OWN_DEVICE, 'success_rate', 'avg_duration_ms'];
export const OPERATED_DEVICE = [...OWN_DEVICE, 'operator_state'];

const SHOWN_NODE = [
  'device_name',
  'device_type',
  'ip_address',
  'port',
  'version',
  'created_at',
  'gateway_id',
  'host_name',
];
const FIGURES = ['operator_state', 'success_rate', 'avg_duration_ms', 'lease_until', 'offline_for'];
/** Without ring_token, with which a ring is believed, and the names of locks. */
export const READABLE_DEVICE = ['id', 'device_id', ...SHOWN_NODE, ...OFFER, ...LOAD, ...FIGURES, 'instance_token'];
/** Those that are rung. */
export const RUNG_DEVICE = [
  ...['device_id', 'device_type', 'ip_address', 'port', 'ring_token', 'gateway_id', 'region', 'capabilities'],
  ...['max_concurrent_tasks', 'status', 'operator_state', 'over_limits', 'stuck', 'recent_claims', 'last_heartbeat'],
  ...['success_rate', 'avg_duration_ms'],
];
/** Counts what each device runs. */
export const OPEN_ATTEMPT = ['device_id', 'status'];
/** Of each attempt, without its token. */
export const READABLE_ATTEMPT = [
  ...['id', 'created_at', ...NEW_ATTEMPT.filter((name) => !/token$/.test(name)), 'updated_at'],
  ...['revoked_at', 'revoke_outcome', 'revoked_by', 'fingerprint'],
];
/** The lease, without the token of its holder. */
export const READABLE_LEASE = ['name', 'holder', 'term', 'acquired_at', 'renewed_at', 'expires_at', 'failing'];
/** A new term, its renewals, and its end. */
export const LEASE = ['holder', 'holder_token', 'term', 'acquired_at', 'renewed_at', 'expires_at', 'failing'];
export const RESIGNED = ['holder', 'holder_token', 'expires_at'];
/** A producer makes batches, and seals them. */
export const NEW_BATCH = ['name', 'created_at', 'created_by', 'sealed_at', 'owner'];
export const SEALED_BATCH = ['sealed_at'];
/** The leader says when one has ended. */
export const ENDED_BATCH = ['ended_at'];
