import { AfdError } from '../domain/errors.ts';

/** Every table name afd uses, quoted, ready to be put into a statement. The one resolver: no statement spells a name. */
export interface TableNames {
  task: string;
  device: string;
  assignment: string;
  heartbeat: string;
  leader: string;
  lane: string;
  setting: string;
  progress: string;
  checkpoint: string;
  /** Run logs. */
  log: string;
  /** Ends of tasks that no attempt ended. */
  taskEnd: string;
  /** Requests with an Idempotency-Key. */
  request: string;
  /** Secrets, encrypted. */
  secret: string;
  /** Which task types may use them. */
  secretGrant: string;
  batch: string;
  /** Who added the tasks of submitters. */
  taskOwner: string;
  webhook: string;
  webhookDelivery: string;
  /** How far readers of a history have come. */
  cursor: string;
  apiKey: string;
  /** Certificates of devices: those that gateways issued, and those that were revoked. */
  deviceCertificate: string;
  /** Codes with which devices get their first certificate. */
  deviceInvitation: string;
  /** People who sign in. */
  user: string;
  /** Of users and API keys in browsers. */
  session: string;
  /** Log-ins that failed. */
  loginFailure: string;
  auditLog: string;
  /** Number and hash of the newest row of the audit log. */
  auditHead: string;
  migration: string;
  /** Unquoted, for INFORMATION_SCHEMA. */
  plain: Record<Table, string>;
  prefix: string;
}

type Table =
  | 'task'
  | 'device'
  | 'assignment'
  | 'heartbeat'
  | 'leader'
  | 'lane'
  | 'setting'
  | 'progress'
  | 'checkpoint'
  | 'log'
  | 'taskEnd'
  | 'request'
  | 'secret'
  | 'secretGrant'
  | 'batch'
  | 'taskOwner'
  | 'webhook'
  | 'webhookDelivery'
  | 'cursor'
  | 'apiKey'
  | 'deviceCertificate'
  | 'deviceInvitation'
  | 'user'
  | 'session'
  | 'loginFailure'
  | 'auditLog'
  | 'auditHead'
  | 'migration';

const VALID = /^[A-Za-z0-9_$]{1,64}$/;

/** @throws AfdError E_CONFIG when a name is not `[A-Za-z0-9_$]{1,64}`. */
export function tableNames(settings: { task: string; prefix: string }): TableNames {
  const { task, prefix } = settings;
  const plain = {
    task,
    device: `${prefix}device`,
    assignment: `${prefix}task_assignment`,
    heartbeat: `${prefix}device_heartbeat`,
    leader: `${prefix}leader`,
    lane: `${prefix}lane`,
    setting: `${prefix}setting`,
    progress: `${prefix}task_progress`,
    checkpoint: `${prefix}task_checkpoint`,
    log: `${prefix}task_log`,
    taskEnd: `${prefix}task_end`,
    request: `${prefix}request`,
    secret: `${prefix}secret`,
    secretGrant: `${prefix}secret_grant`,
    batch: `${prefix}batch`,
    taskOwner: `${prefix}task_owner`,
    webhook: `${prefix}webhook`,
    webhookDelivery: `${prefix}webhook_delivery`,
    cursor: `${prefix}cursor`,
    apiKey: `${prefix}api_key`,
    deviceCertificate: `${prefix}device_certificate`,
    deviceInvitation: `${prefix}device_invitation`,
    user: `${prefix}user`,
    session: `${prefix}session`,
    loginFailure: `${prefix}login_failure`,
    auditLog: `${prefix}audit_log`,
    auditHead: `${prefix}audit_head`,
    migration: `${prefix}migration`,
  };
  for (const name of Object.values(plain)) {
    if (!VALID.test(name)) {
      throw new AfdError('E_CONFIG', `"${name}" is not a valid table name: use up to 64 letters, digits, _ and $.`, {
        suggestions: ['set tables.task and tables.prefix in afd.yaml'],
      });
    }
  }
  const quoted = Object.fromEntries(Object.entries(plain).map(([key, name]) => [key, `\`${name}\``]));
  return { ...(quoted as Omit<TableNames, 'plain' | 'prefix'>), plain, prefix };
}
