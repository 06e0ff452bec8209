// What the nodes of a fleet do in its tables. docs/guide/security.md gives the reasons.
import {
  ANY_TASK,
  CHILD_TASK,
  ENDED_BATCH,
  LEASE,
  LED_DEVICE,
  NEW_ATTEMPT,
  NEW_BATCH,
  NEW_DEVICE,
  OPERATED_ATTEMPT,
  OPERATED_DEVICE,
  OWN_DEVICE,
  RESCUED_ATTEMPT,
  RESIGNED,
  RUN_ATTEMPT,
  SEALED_BATCH,
  TASK_STATE,
} from './columns.ts';
import { SETTINGS, type TableRights, VERSION } from './table-rights.ts';

const READ = { SELECT: true } as const;
const WRITE = { SELECT: true, INSERT: true, UPDATE: true } as const;
const CLAIM = { ...READ, INSERT: CHILD_TASK, UPDATE: TASK_STATE };
/** Rows are added, and never changed. */
const AUDIT = { why: 'add to the audit log and read it', ...READ, INSERT: true } as const;
const HEAD = { why: 'order those who add to it', ...READ, UPDATE: ['id', 'hash', 'at'] } as const;
const REGISTER = { ...READ, INSERT: NEW_DEVICE, UPDATE: OWN_DEVICE };

export const WORKER: TableRights[] = [
  VERSION,
  SETTINGS,
  { table: 'lane', why: 'find the lanes that have work', ...READ },
  { table: 'leader', why: 'see whether there is a leader', ...READ },
  { table: 'task', why: 'claim tasks, write their ends, and add the tasks of handlers', ...CLAIM },
  { table: 'assignment', why: 'record attempts', ...READ, INSERT: NEW_ATTEMPT, UPDATE: RUN_ATTEMPT },
  { table: 'device', why: 'register, and report the state of the device', ...REGISTER },
  { table: 'heartbeat', why: 'write heartbeats', INSERT: true },
  { table: 'progress', why: 'write the progress of tasks', ...WRITE },
  { table: 'checkpoint', why: 'keep checkpoints until their task is done', ...WRITE, DELETE: true },
  { table: 'log', why: 'write run logs and trim long ones', ...READ, INSERT: true, DELETE: true },
  { table: 'taskEnd', why: 'record tasks that no worker can claim', INSERT: true },
  { table: 'secret', why: 'open the secrets of tasks', ...READ },
  { table: 'secretGrant', why: 'see which tasks may use a secret', ...READ },
];

export const LEADER: TableRights[] = [
  VERSION,
  { table: 'setting', why: 'publish the settings of the fleet', ...WRITE },
  { table: 'leader', why: 'take, renew and resign the lease', ...READ, UPDATE: LEASE },
  { table: 'lane', why: 'publish the lanes that have work', ...WRITE, DELETE: true },
  { table: 'task', why: 'put back the tasks of devices that are gone', ...READ, UPDATE: TASK_STATE },
  { table: 'assignment', why: 'end their attempts', ...READ, INSERT: NEW_ATTEMPT, UPDATE: RESCUED_ATTEMPT },
  { table: 'device', why: 'register, and set the state and figures of devices', ...REGISTER, UPDATE: LED_DEVICE },
  {
    table: 'heartbeat',
    why: 'write heartbeats and drop old ones, a day at a time',
    ...READ,
    INSERT: true,
    DELETE: true,
    partitions: true,
  },
  { table: 'log', why: 'drop old run logs, a day at a time', ...READ, INSERT: true, DELETE: true, partitions: true },
  { table: 'taskEnd', why: 'read and delete old ends of tasks', ...READ, DELETE: true },
  { table: 'batch', why: 'see which batches are sealed, and end them', ...READ, UPDATE: ENDED_BATCH },
  { table: 'webhook', why: 'read the webhooks', ...READ },
  { table: 'webhookDelivery', why: 'send what is due to webhooks, and delete what is old', ...WRITE, DELETE: true },
  { table: 'cursor', why: 'note how far the ends of tasks are recorded', ...WRITE },
  { table: 'auditLog', ...AUDIT, why: 'delete the beginning of the audit log, and say so in it', DELETE: true },
  { table: 'auditHead', ...HEAD },
];

export const GATEWAY: TableRights[] = [
  VERSION,
  { table: 'setting', why: 'read and change the settings of the fleet', ...WRITE },
  { table: 'lane', why: 'find the lanes that have work', ...READ },
  { table: 'leader', why: 'show the leader, and make it resign', ...READ, UPDATE: RESIGNED },
  { table: 'task', why: 'add, claim, end, cancel, retry and reassign tasks', ...CLAIM, INSERT: ANY_TASK },
  { table: 'assignment', why: 'record and revoke attempts', ...READ, INSERT: NEW_ATTEMPT, UPDATE: OPERATED_ATTEMPT },
  { table: 'device', why: 'register, operate and remove devices', ...REGISTER, UPDATE: OPERATED_DEVICE, DELETE: true },
  { table: 'heartbeat', why: 'write and show heartbeats', ...READ, INSERT: true },
  { table: 'progress', why: 'write and show the progress of tasks', ...WRITE },
  { table: 'checkpoint', why: 'keep checkpoints until their task is done', ...WRITE, DELETE: true },
  { table: 'log', why: 'write, show and trim run logs', ...READ, INSERT: true, DELETE: true },
  { table: 'taskEnd', why: 'record and show tasks that ended without an attempt', ...READ, INSERT: true },
  { table: 'request', why: 'answer a repeated request as the first one', ...WRITE, DELETE: true },
  { table: 'batch', why: 'make, show and seal batches', ...READ, INSERT: NEW_BATCH, UPDATE: SEALED_BATCH },
  {
    table: 'taskOwner',
    why: 'note and see what submitters have added',
    ...READ,
    INSERT: true,
    UPDATE: ['task_created_at'],
  },
  { table: 'webhook', why: 'create, change and remove webhooks', ...WRITE, DELETE: true },
  { table: 'webhookDelivery', why: 'show deliveries, and send one again', ...WRITE },
  { table: 'cursor', why: 'note from where the ends of tasks are recorded', ...WRITE },
  { table: 'apiKey', why: 'check, make and revoke API keys', ...WRITE },
  { table: 'deviceCertificate', why: 'issue, check and revoke device certificates', ...WRITE, DELETE: true },
  { table: 'deviceInvitation', why: 'invite devices, and give them a certificate once', ...WRITE, DELETE: true },
  { table: 'user', why: 'check, add and change users', ...WRITE, DELETE: true },
  { table: 'session', why: 'begin, check and end sessions', ...WRITE, DELETE: true },
  { table: 'loginFailure', why: 'count log-ins that failed', ...READ, INSERT: true, DELETE: true },
  { table: 'auditLog', ...AUDIT },
  { table: 'auditHead', ...HEAD },
  { table: 'secret', why: 'open the secrets of tasks for remote workers', ...READ },
  { table: 'secretGrant', why: 'see which tasks may use a secret', ...READ },
];
