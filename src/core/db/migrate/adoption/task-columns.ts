// What the task table must have, as it is added to a table that exists: nothing that an INSERT without a column list would
// notice (INVISIBLE), nothing that needs the rows to be read (NULL, or a constant default: INSTANT refuses expressions),
// generated columns VIRTUAL (STORED would copy the table and block its writers).
import { batchStateColumn } from '../../batch-state.ts';
import { claimStateColumn } from '../../claim-state.ts';

import { hidden } from './table-plan.ts';
import { columnOf, type TaskTableFacts } from './task-table.ts';

/** What a column of the same name must be able to hold, when the table has one already. */
export type Family = 'number' | 'text' | 'json' | 'date' | 'datetime' | 'token';

export interface PlainColumn {
  name: string;
  /** Type, NULL or NOT NULL, default; without INVISIBLE and COMMENT. `{text}` stands for character set and collation. */
  definition: string;
  family: Family;
  /** afd does arithmetic with it: NULL would stay NULL for ever. */
  never_null?: true;
  /** Bytes of the number, or letters of the text, that afd must be able to write: less is refused. */
  at_least?: number;
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
  { name: 'retry', definition: 'INT DEFAULT 0', family: 'number', at_least: 4 },
  { name: 'next_run_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'created_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'updated_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'priority', definition: 'INT DEFAULT 5', family: 'number', documented: true },
  { name: 'estimated_duration', definition: 'INT NULL', family: 'number', documented: true },
  { name: 'required_capabilities', definition: 'JSON NULL', family: 'json', documented: true },
  { name: 'max_retry_count', definition: 'INT DEFAULT 3', family: 'number', documented: true },
  { name: 'task_data', definition: 'JSON NULL', family: 'json' },
  { name: 'execution_timeout', definition: 'INT NULL', family: 'number' },
  { name: 'not_after', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'dedupe_key', definition: KEY_TEXT, family: 'text' },
  { name: 'concurrency_key', definition: KEY_TEXT, family: 'text' },
  { name: 'batch_id', definition: 'BIGINT NULL', family: 'number' },
  { name: 'parent_id', definition: 'BIGINT NULL', family: 'number' },
  { name: 'target_device_id', definition: 'VARCHAR(64) {text} NULL', family: 'text', at_least: 64 },
  { name: 'target_until', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'attempt', definition: 'INT NOT NULL DEFAULT 0', family: 'number', never_null: true, at_least: 4 },
  { name: 'lost_count', definition: 'INT NOT NULL DEFAULT 0', family: 'number', never_null: true, at_least: 4 },
  { name: 'claim_token', definition: 'BINARY(16) NULL', family: 'token' },
  { name: 'claimed_by', definition: 'VARCHAR(64) {text} NULL', family: 'text', at_least: 64 },
  { name: 'claim_instance', definition: 'BINARY(16) NULL', family: 'token' },
  { name: 'claimed_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'claim_deadline', definition: 'DATETIME(3) NULL', family: 'datetime' },
  { name: 'last_error', definition: 'TEXT {text} NULL', family: 'text' },
  { name: 'finished_at', definition: 'DATETIME(3) NULL', family: 'datetime' },
];

export interface GeneratedColumn {
  name: string;
  type: string;
  expression: string;
}

const EPOCH = "TIMESTAMP'1970-01-01 00:00:00'";

/** MariaDB pads a CHAR in one of its modes, and makes no index over what depends on a mode (1901): `trim`. */
function lane({ trim }: { trim: boolean }): string {
  const type = trim ? 'RTRIM(task_type)' : 'task_type';
  return `UNHEX(LEFT(SHA2(CONCAT(${type}, '|', COALESCE(required_capabilities, '')), 256), 32))`;
}

/**
 * A row whose due_at cannot be computed can be neither claimed nor changed: an UPDATE of any column computes it again, in
 * the strict mode of afd. So each date that a column can hold has a due_at. What has no month or no day (0000-00-00,
 * 2026-00-00: rows of programs that are not strict) is due at once; MySQL 9.7 also computes a NOT NULL column with DEFAULT
 * CURRENT_TIMESTAMP as 0000-00-00 first. Fractions of the last second of 9999 would round up to no date at all. Whether
 * MariaDB rounds or cuts what has more than three digits depends on a mode, as above: `cut`.
 */
function dueAt({ cut }: { cut: boolean }): string {
  const plain = `COALESCE(next_run_at, created_at, ${EPOCH})`;
  const moment = cut ? `TRUNCATE(${plain}, 3)` : plain;
  const within = `LEAST(GREATEST(${moment}, ${EPOCH}), TIMESTAMP'9999-12-31 23:59:59')`;
  return `IF(MONTH(${plain}) * DAYOFMONTH(${plain}) = 0, ${EPOCH}, ${within})`;
}

/** The table as it is says how the columns must be spelled; without it as for a fresh one. */
export function generatedColumns(facts?: TaskTableFacts): GeneratedColumn[] {
  const type = (name: string) => (facts?.isMariaDb === true ? (columnOf(facts, name)?.type ?? '') : '');
  const cut = ['next_run_at', 'created_at'].some((name) => /\([4-6]\)/.test(type(name)));
  const due = dueAt({ cut });
  return [
    { name: 'claim_state', type: 'MEDIUMINT', expression: claimStateColumn(due) },
    { name: 'lane', type: 'BINARY(16)', expression: lane({ trim: /^char/i.test(type('task_type')) }) },
    { name: 'claim_rank', type: 'TINYINT', expression: '10 - LEAST(GREATEST(COALESCE(priority, 5), 0), 10)' },
    { name: 'due_at', type: 'DATETIME(3)', expression: due },
    { name: 'batch_state', type: 'TINYINT', expression: batchStateColumn() },
  ];
}

export const GENERATED_COLUMNS: readonly GeneratedColumn[] = generatedColumns();

export interface WantedKey {
  name: string;
  columns: string[];
  unique: boolean;
}

export const KEYS: readonly WantedKey[] = [
  { name: 'afd_claim', columns: ['claim_state', 'lane', 'claim_rank', 'due_at', 'id'], unique: false },
  { name: 'afd_dedupe', columns: ['dedupe_key'], unique: true },
  { name: 'afd_target', columns: ['target_device_id', 'claim_rank', 'due_at', 'id'], unique: false },
  { name: 'afd_batch', columns: ['batch_id', 'batch_state'], unique: false },
];

/** Words of `status`, in the order in which a fresh table has them: the user's four, then afd's. */
export const STATUS_WORDS = ['pending', 'running', 'failed', 'done', 'assigned', 'waiting', 'cancelled'];

/** How a column is added, or defined anew: MODIFY needs the whole definition. `comment`: quoted. */
export function plainColumn(
  column: PlainColumn,
  { collation, comment, visible }: { collation: string; comment: string | undefined; visible: boolean },
): string {
  const definition = column.definition.replace('{text}', `CHARACTER SET utf8mb4 COLLATE ${collation}`);
  return `${column.name} ${hidden(`${definition}${commented(comment)}`, !visible)}`;
}

export function generatedColumn({ name, type, expression }: GeneratedColumn, comment: string | undefined): string {
  return `${name} ${type} GENERATED ALWAYS AS (${expression}) VIRTUAL INVISIBLE${commented(comment)}`;
}

function commented(comment: string | undefined): string {
  return comment === undefined ? '' : ` COMMENT ${comment}`;
}
