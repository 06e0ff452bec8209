// Why a table cannot be adopted as it is, each with what to do about it. Whatever is not refused here is left as it is.
import { AfdError } from '../../../domain/errors.ts';
import { integerBytes } from './column-fit.ts';
import { type Family, GENERATED_COLUMNS, KEYS, PLAIN_COLUMNS, type PlainColumn } from './task-columns.ts';
import { type ColumnFacts, columnOf, type TaskTableFacts } from './task-table.ts';

const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);
const TEXTS = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum']);
/** MariaDB's JSON is LONGTEXT, and old programs kept JSON in any text. */
const JSONS = new Set(['json', 'text', 'mediumtext', 'longtext']);
const WORDS: Record<Family, string> = {
  number: 'a whole number',
  text: 'text',
  json: 'JSON',
  date: 'a DATE',
  datetime: 'a DATETIME',
  token: 'BINARY(16)',
};

/** Sentences; empty = it can be adopted. */
export function refusalsOf(facts: TaskTableFacts): string[] {
  const table = `\`${facts.name}\``;
  if (facts.kind !== 'BASE TABLE')
    return [`${facts.name} is a ${facts.kind.toLowerCase()}: set tables.task to the table itself.`];
  const found: string[] = [];
  if (facts.engine.toLowerCase() !== 'innodb') {
    found.push(
      `${facts.name} uses the engine ${facts.engine}, which has no row locks. Run: ALTER TABLE ${table} ENGINE=InnoDB;`,
    );
  }
  if (facts.partitioned) {
    found.push(`${facts.name} is partitioned, so it cannot have a unique index on dedupe_key.`);
  }
  const id = columnOf(facts, 'id');
  const primary = facts.keys.find((key) => key.name === 'PRIMARY');
  if (id === undefined || !INTEGERS.has(id.kind) || primary?.columns.join().toLowerCase() !== 'id') {
    found.push(`${facts.name} has no integer primary key (id), so it is not a task table.`);
  }
  const status = columnOf(facts, 'status');
  if (status === undefined) found.push(`${facts.name} has no column status, so it is not a task table.`);
  else if (status.kind !== 'enum') {
    found.push(`${facts.name}.status is ${status.type}; afd needs an ENUM of pending, running, failed and done.`);
  }
  for (const wanted of PLAIN_COLUMNS) {
    const column = columnOf(facts, wanted.name);
    if (column === undefined) continue;
    const problem = misfit(column, wanted.family, wanted.never_null === true);
    if (problem !== undefined) found.push(sentence(facts, column, wanted.family, problem));
    else if (tooNarrow(column, wanted)) found.push(narrow(facts, column, wanted));
  }
  for (const { name } of GENERATED_COLUMNS) {
    if (columnOf(facts, name)?.generated === 'no') {
      found.push(`${facts.name}.${name} already exists, but afd adds a generated column of that name: rename it.`);
    }
  }
  for (const { name, columns, unique } of KEYS) {
    const key = facts.keys.find((one) => one.name === name);
    if (key === undefined || (key.unique === unique && key.columns.join().toLowerCase() === columns.join())) continue;
    found.push(
      `${facts.name} has an index ${name} on (${key.columns.join(', ')}), not on (${columns.join(', ')}). Run: ALTER TABLE ${table} DROP INDEX ${name};`,
    );
  }
  return found;
}

function misfit(column: ColumnFacts, family: Family, neverNull: boolean): string | undefined {
  const { kind, type } = column;
  const fits =
    (family === 'number' && INTEGERS.has(kind)) ||
    (family === 'text' && TEXTS.has(kind)) ||
    (family === 'json' && JSONS.has(kind)) ||
    (family === 'token' && /^binary\(16\)$/i.test(type)) ||
    family === kind;
  if (!fits) return `is ${type}; afd needs ${WORDS[family]}`;
  if (column.generated !== 'no') return 'is a generated column, but afd writes to it';
  return neverNull && column.nullable ? 'may be NULL, but afd calculates with it' : undefined;
}

/** A count that reaches the end of its type, or a device's name that is cut off, could not be written at all. */
function tooNarrow(column: ColumnFacts, { at_least }: PlainColumn): boolean {
  if (at_least === undefined) return false;
  const bytes = integerBytes(column.type);
  if (bytes !== undefined) return bytes < at_least;
  const letters = /^(?:var)?char\((\d+)\)/i.exec(column.type)?.[1];
  return letters !== undefined && Number(letters) < at_least;
}

function narrow(facts: TaskTableFacts, column: ColumnFacts, { definition, at_least }: PlainColumn): string {
  const table = `\`${facts.name}\``;
  const charset =
    column.collation === null ? '' : `CHARACTER SET ${column.collation.split('_')[0]} COLLATE ${column.collation}`;
  const type = definition.replace('{text}', charset);
  const unit = column.collation === null ? 'bytes' : 'characters';
  return `${facts.name}.${column.name} is ${column.type}; afd writes up to ${at_least} ${unit} to it. Run this at a quiet time, because it copies the table: ALTER TABLE ${table} MODIFY COLUMN ${column.name} ${type};`;
}

function sentence(facts: TaskTableFacts, column: ColumnFacts, family: Family, problem: string): string {
  const table = `\`${facts.name}\``;
  if (family === 'datetime' && column.kind === 'timestamp') {
    const value = column.default === null ? '' : ' DEFAULT CURRENT_TIMESTAMP';
    const update = column.name.toLowerCase() === 'updated_at' ? ' ON UPDATE CURRENT_TIMESTAMP' : '';
    return `${facts.name}.${column.name} ${problem}, which does not depend on the time zone of the session. Run this at a quiet time, because it copies the table: ALTER TABLE ${table} MODIFY COLUMN ${column.name} DATETIME NULL${value}${update};`;
  }
  if (problem.startsWith('may be NULL')) {
    return `${facts.name}.${column.name} ${problem}: ALTER TABLE ${table} MODIFY COLUMN ${column.name} INT NOT NULL DEFAULT 0;`;
  }
  return `${facts.name}.${column.name} ${problem}. Rename it, or change its type.`;
}

/** Nothing was changed, since it is thrown before anything is. */
export function cannotAdopt(table: string, refusals: string[]): AfdError {
  const list = refusals.map((one) => `  ${one}`).join('\n');
  return new AfdError(
    'E_CONFLICT',
    `afd cannot adopt the table ${table} in its current form. Nothing was changed.\n${list}`,
    {
      suggestions: ['afd migrate --dry-run'],
      data: { table, refusals },
    },
  );
}
