// The rows of the audit log: each has a hash of itself with the hash of the row before. docs/adr/0038-audit-log.md
import { createHash } from 'node:crypto';
import { canonicalJson } from '../text/canonical-json.ts';

/** Named like the commands and operations that do them. */
export const AUDIT_ACTIONS = [
  ...(['tasks.cancel', 'tasks.retry', 'tasks.reassign'] as const),
  ...(['devices.register', 'devices.pause', 'devices.resume', 'devices.drain', 'devices.remove'] as const),
  ...(['leader.resign', 'settings.set', 'keys.create', 'keys.rotate', 'keys.revoke'] as const),
  ...(['users.add', 'users.password', 'users.role', 'users.disable', 'users.enable', 'users.unlock'] as const),
  ...(['users.remove'] as const),
  ...(['sessions.begin', 'sessions.end'] as const),
  ...(['certificates.invite', 'certificates.issue', 'certificates.revoke'] as const),
  ...(['secrets.set', 'secrets.remove', 'secrets.grant', 'secrets.ungrant', 'secrets.rotate'] as const),
  ...(['webhooks.add', 'webhooks.change', 'webhooks.remove', 'webhooks.secret'] as const),
  ...(['webhooks.test', 'webhooks.redeliver'] as const),
  ...(['migrate.up', 'audit.prune'] as const),
];
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export type ObjectType =
  | 'task'
  | 'device'
  | 'leader'
  | 'setting'
  | 'key'
  | 'user'
  | 'certificate'
  | 'secret'
  | 'webhook'
  | 'schema'
  | 'audit';

/** `asked`: a device was asked to do it, and may finish first. */
export type AuditOutcome = 'done' | 'asked';

/** What was done to one thing. */
export interface AuditEntry {
  action: AuditAction;
  object_type: ObjectType;
  object_id: string;
  /** What of it has changed, as it was and as it is: their hashes are stored. Never the value of a secret. Absent = there was none. */
  before?: unknown;
  after?: unknown;
  /** `done` unless given. */
  outcome?: AuditOutcome;
}

export interface AuditRow {
  /** From 1, without gaps. */
  id: number;
  /** UTC as the database spells it: `2026-01-02 03:04:05.678`. Never before that of the row before. */
  at: string;
  actor: string;
  source: string | null;
  action: string;
  object_type: string;
  object_id: string;
  before_hash: Buffer | null;
  after_hash: Buffer | null;
  reason: string | null;
  request_id: string;
  outcome: string;
  prev_hash: Buffer;
  hash: Buffer;
}

/** The `prev_hash` of row 1. */
export const FIRST_HASH = Buffer.alloc(32);

/** In the order in which they are hashed. */
const HASHED = [
  ...(['id', 'at', 'actor', 'source', 'action', 'object_type', 'object_id', 'before_hash', 'after_hash'] as const),
  ...(['reason', 'request_id', 'outcome', 'prev_hash'] as const),
];
const VERSION = 'afd audit row 1';
const NULL = Buffer.alloc(4, 0xff);

/** SHA-256 of every field, each behind its length in bytes, so that no two rows are the same text. */
export function rowHash(row: Omit<AuditRow, 'hash'>): Buffer {
  const hash = createHash('sha256');
  const add = (value: Buffer | null) => {
    if (value === null) return void hash.update(NULL);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    hash.update(length).update(value);
  };
  add(Buffer.from(VERSION));
  for (const name of HASHED) {
    const value = row[name];
    add(value === null || Buffer.isBuffer(value) ? value : Buffer.from(String(value)));
  }
  return hash.digest();
}

/** SHA-256 of canonical JSON; null of undefined. */
export function valueHash(value: unknown): Buffer | null {
  return value === undefined ? null : createHash('sha256').update(canonicalJson(value)).digest();
}
