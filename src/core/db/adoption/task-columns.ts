// What the task table must have, as it is added to a table that exists: nothing that an INSERT without a column list would
// notice (INVISIBLE), nothing that needs the rows to be read (NULL, or a constant default: INSTANT refuses expressions),
// generated columns VIRTUAL (STORED would copy the table and block its writers).

import { hidden } from './table-plan.ts';

/** What a column of the same name must be able to hold, when the table has one already. */
export type Family = 'number' | 'text' | 'json' | 'date' | 'datetime' | 'token';

export interface PlainColumn {
  name: string;
  /** Type, NULL or NOT NULL, default, comment; without INVISIBLE. `{text}` stands for character set and collation. */
  definition: string;
  family: Family;
  /** afd does arithmetic with it: NULL would stay NULL for ever. */
  never_null?: true;
  /** One of the four that the design document adds to the task table: `migrate up --visible` shows them. */
  documented?: true;
}

const KEY_TEXT = 'VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL';

export const PLAIN_COLUMNS: readonly PlainColumn[] = [
  { name: 'task_type', definition: 'VARCHAR(32) {text} NULL', family: 'text' },
  { name: 'username', definition: 'VARCHAR(255) {text} NULL', family: 'text' },
  { name: 'app_id', definition: 'VARCHAR(128) {text} NULL', family: 'text' },
  { name: 'start_date', definition: 'DATE NULL', family: 'date' },
  { name: 'end_date', definition: 'DATE NULL', family: 'date' },
  { name: 'retry', definition: 'INT DEFAULT 0', family: 'number' },
  { name: 'next_run_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'created_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'updated_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'priority', definition: "INT DEFAULT 5 COMMENT '任务优先级(1-10)'", family: 'number', documented: true },
  { name: 'estimated_duration', definition: "INT NULL COMMENT '预估执行时间(秒)'", family: 'number', documented: true },
  { name: 'required_capabilities', definition: "JSON NULL COMMENT '所需设备能力'", family: 'json', documented: true },
  { name: 'max_retry_count', definition: "INT DEFAULT 3 COMMENT '最大重试次数'", family: 'number', documented: true },
  { name: 'task_data', definition: 'JSON NULL', family: 'json' },
  { name: 'execution_timeout', definition: "INT NULL COMMENT 'seconds'", family: 'number' },
  { name: 'not_after', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'dedupe_key', definition: KEY_TEXT, family: 'text' },
  { name: 'concurrency_key', definition: KEY_TEXT, family: 'text' },
  { name: 'target_device_id', definition: 'VARCHAR(64) {text} NULL', family: 'text' },
  { name: 'target_until', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'claim_token', definition: 'BINARY(16) NULL', family: 'token' },
  { name: 'claimed_by', definition: 'VARCHAR(64) {text} NULL', family: 'text' },
  { name: 'claim_instance', definition: 'BINARY(16) NULL', family: 'token' },
  { name: 'claimed_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'claim_deadline', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'attempt', definition: 'INT NOT NULL DEFAULT 0', family: 'number', never_null: true },
  { name: 'lost_count', definition: 'INT NOT NULL DEFAULT 0', family: 'number', never_null: true },
  { name: 'batch_id', definition: 'BIGINT NULL', family: 'number' },
  { name: 'parent_id', definition: 'BIGINT NULL', family: 'number' },
  { name: 'last_error', definition: 'TEXT {text} NULL', family: 'text' },
  { name: 'finished_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
];

export interface GeneratedColumn {
  name: string;
  type: string;
  expression: string;
}

/**
 * The epoch is GREATEST's and not only COALESCE's: MySQL 9.7 computes a NOT NULL column with DEFAULT CURRENT_TIMESTAMP as
 * 0000-00-00 first and then refuses it in strict mode; and old tables hold real zero dates.
 */
export const GENERATED_COLUMNS: readonly GeneratedColumn[] = [
  {
    name: 'lane',
    type: 'BINARY(16)',
    expression: "UNHEX(LEFT(SHA2(CONCAT(task_type, '|', COALESCE(required_capabilities, '')), 256), 32))",
  },
  { name: 'claim_rank', type: 'TINYINT', expression: '10 - LEAST(GREATEST(COALESCE(priority, 5), 0), 10)' },
  {
    name: 'due_at',
    type: 'DATETIME(3)',
    expression:
      "GREATEST(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'), TIMESTAMP'1970-01-01 00:00:00')",
  },
];

export interface WantedKey {
  name: string;
  columns: string[];
  unique: boolean;
}

export const KEYS: readonly WantedKey[] = [
  { name: 'afd_claim', columns: ['status', 'lane', 'claim_rank', 'due_at', 'id'], unique: false },
  { name: 'afd_dedupe', columns: ['dedupe_key'], unique: true },
  { name: 'afd_target', columns: ['target_device_id', 'claim_rank', 'due_at', 'id'], unique: false },
];

/** Words of `status`, in the order in which a fresh table has them: the user's four, then afd's. */
export const STATUS_WORDS = ['pending', 'running', 'failed', 'done', 'assigned', 'waiting', 'cancelled'];

/** MODIFY needs the column's whole definition; INSTANT keeps it where it is. */
export function plainColumn(column: PlainColumn, collation: string, visible: boolean): string {
  const definition = column.definition.replace('{text}', `CHARACTER SET utf8mb4 COLLATE ${collation}`);
  return `${column.name} ${hidden(definition, !visible)}`;
}
