// From the facts of a task table to the statements that are missing. Pure: the same function serves `--dry-run`, the run
// itself, and the run after a run that was killed.

import { refusalsOf } from './refusals.ts';
import {
  GENERATED_COLUMNS,
  generatedColumns,
  KEYS,
  PLAIN_COLUMNS,
  type PlainColumn,
  plainColumn,
  STATUS_WORDS,
} from './task-columns.ts';
import { type ColumnFacts, columnOf, enumLabels, type TaskTableFacts } from './task-table.ts';

/** One ALTER. The algorithms are tried in order, and always written: the server refuses rather than copies. */
export interface Change {
  sql: string;
  algorithms: string[];
}

export interface AdoptionPlan {
  changes: Change[];
  /** Why afd cannot use this table, each with what to do; nothing is changed while there is one. */
  refusals: string[];
}

/**
 * INPLACE only where the server cannot do it INSTANT (64 instant changes, compressed rows): it rebuilds, but blocks no
 * statement.
 */
const METADATA = ['ALGORITHM=INSTANT', 'ALGORITHM=INPLACE, LOCK=NONE'];
const INDEX = ['ALGORITHM=INPLACE, LOCK=NONE'];

/** `collation`: of our text columns; that of af_device.device_id, with which they are compared. */
export function planAdoption(facts: TaskTableFacts, options: { collation: string; visible: boolean }): AdoptionPlan {
  const refusals = refusalsOf(facts);
  if (refusals.length > 0) return { changes: [], refusals };
  const table = `ALTER TABLE \`${facts.name}\``;
  const changes: Change[] = [];
  const change = (parts: string[], algorithms: string[]) => {
    if (parts.length > 0) changes.push({ sql: `${table} ${parts.join(', ')}`, algorithms });
  };
  change(statusWords(facts, columnOf(facts, 'status')!), METADATA);
  const has = (name: string) => columnOf(facts, name) !== undefined;
  const shown = (column: PlainColumn) => options.visible && column.documented === true;
  const missing = PLAIN_COLUMNS.filter((column) => !has(column.name));
  change(
    missing.map((column) => `ADD COLUMN ${plainColumn(column, options.collation, shown(column))}`),
    METADATA,
  );
  const hidden = PLAIN_COLUMNS.filter((column) => shown(column) && columnOf(facts, column.name)?.invisible === true);
  change(
    hidden.map((column) =>
      facts.isMariaDb
        ? `MODIFY COLUMN ${plainColumn(column, options.collation, true)}`
        : `ALTER COLUMN ${column.name} SET VISIBLE`,
    ),
    METADATA,
  );
  change(
    generatedColumns(facts)
      .filter(({ name }) => !has(name))
      .map(
        ({ name, type, expression }) =>
          `ADD COLUMN ${name} ${type} GENERATED ALWAYS AS (${expression}) VIRTUAL INVISIBLE`,
      ),
    METADATA,
  );
  const keys = KEYS.filter(({ name }) => !facts.keys.some((key) => key.name === name));
  change(
    keys.map(({ name, columns, unique }) => `ADD ${unique ? 'UNIQUE ' : ''}KEY ${name} (${columns.join(', ')})`),
    INDEX,
  );
  return { changes, refusals };
}

/** What is missing of a table that commands are about to use; empty = nothing. Cheap enough for each of them. */
export function missingParts(columns: Array<{ name: string; type: string }>, keys: string[]): string[] {
  const has = new Set(columns.map(({ name }) => name.toLowerCase()));
  const labels = enumLabels(columns.find(({ name }) => name.toLowerCase() === 'status')?.type ?? '');
  const words = labels.length === 0 ? [] : STATUS_WORDS.filter((word) => !labels.includes(word));
  return [
    ...['id', 'status', ...PLAIN_COLUMNS.map(({ name }) => name), ...GENERATED_COLUMNS.map(({ name }) => name)]
      .filter((name) => !has.has(name))
      .map((name) => `column ${name}`),
    ...words.map((word) => `status '${word}'`),
    ...KEYS.filter(({ name }) => !keys.includes(name)).map(({ name }) => `index ${name}`),
  ];
}

/** Labels are compared by word, never by position, and appended: stored ordinals keep their meaning. */
function statusWords(facts: TaskTableFacts, status: ColumnFacts): string[] {
  const labels = enumLabels(status.type);
  const missing = STATUS_WORDS.filter((word) => !labels.includes(word));
  if (missing.length === 0) return [];
  const type = `${status.type.replace(/\)$/, '')},${missing.map((word) => `'${word}'`).join(',')})`;
  const charset =
    status.collation === null ? '' : ` CHARACTER SET ${status.collation.split('_')[0]} COLLATE ${status.collation}`;
  const value =
    status.default === null
      ? status.nullable
        ? ' DEFAULT NULL'
        : ''
      : ` DEFAULT ${defaultText(facts, status.default)}`;
  const comment = status.comment === '' ? '' : ` COMMENT ${quoted(status.comment)}`;
  const invisible = status.invisible ? ' INVISIBLE' : '';
  const name = `\`${status.name}\``;
  return [
    `MODIFY COLUMN ${name} ${type}${charset} ${status.nullable ? 'NULL' : 'NOT NULL'}${value}${invisible}${comment}`,
  ];
}

/** MariaDB spells defaults as SQL, MySQL as the bare value. */
function defaultText(facts: TaskTableFacts, value: string): string {
  return facts.isMariaDb ? value : quoted(value);
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
