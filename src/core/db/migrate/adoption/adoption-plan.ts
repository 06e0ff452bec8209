// From the facts of a task table to the statements that are missing. Pure: the same function serves `--dry-run`, the run
// itself, and the run after a run that was killed.

import { COLUMNS, INDEX, INSTANT } from './algorithms.ts';
import { refusalsOf } from './refusals.ts';
import {
  GENERATED_COLUMNS,
  generatedColumn,
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
  /** The same in several ALTERs, for a server that can run each of them by its algorithms, but not all in one. */
  apart?: Change[];
}

export interface AdoptionPlan {
  changes: Change[];
  /** Why afd cannot use this table, each with what to do; nothing is changed while there is one. */
  refusals: string[];
}

/**
 * One ALTER for the columns (on MariaDB another for the generated ones, which it adds by themselves or not at all), and one
 * for the indexes: with an index in it, an ALTER is not INSTANT.
 * `collation`: of our text columns; that of af_device.device_id, with which they are compared. `comments`: by column, quoted.
 */
export function planAdoption(
  facts: TaskTableFacts,
  options: { collation: string; comments: ReadonlyMap<string, string>; visible: boolean },
): AdoptionPlan {
  const refusals = refusalsOf(facts);
  if (refusals.length > 0) return { changes: [], refusals };
  const has = (name: string) => columnOf(facts, name) !== undefined;
  const shown = (column: PlainColumn) => options.visible && column.documented === true;
  const defined = (column: PlainColumn) =>
    plainColumn(column, { ...options, comment: options.comments.get(column.name), visible: shown(column) });
  const plain = [
    statusWords(facts, columnOf(facts, 'status')!),
    PLAIN_COLUMNS.filter(({ name }) => !has(name)).map((column) => `ADD COLUMN ${defined(column)}`),
    PLAIN_COLUMNS.filter((column) => shown(column) && columnOf(facts, column.name)?.invisible === true).map((column) =>
      facts.isMariaDb ? `MODIFY COLUMN ${defined(column)}` : `ALTER COLUMN ${column.name} SET VISIBLE`,
    ),
  ];
  const generated = generatedColumns(facts)
    .filter(({ name }) => !has(name))
    .map((column) => `ADD COLUMN ${generatedColumn(column, options.comments.get(column.name))}`);
  const keys = KEYS.filter(({ name }) => !facts.keys.some((key) => key.name === name)).map(
    ({ name, columns: parts, unique }) => `ADD ${unique ? 'UNIQUE ' : ''}KEY ${name} (${parts.join(', ')})`,
  );
  const columns = facts.isMariaDb
    ? [...together(facts, plain), ...change(facts, generated, COLUMNS)]
    : together(facts, [...plain, generated]);
  return { changes: [...columns, ...change(facts, keys, INDEX)], refusals };
}

/** One ALTER if the server can do all of it INSTANT, else one for each group. */
function together(facts: TaskTableFacts, groups: string[][]): Change[] {
  const apart = groups.flatMap((parts) => change(facts, parts, COLUMNS));
  if (apart.length < 2) return apart;
  return change(facts, groups.flat(), INSTANT).map((one) => ({ ...one, apart }));
}

function change(facts: TaskTableFacts, parts: string[], algorithms: string[]): Change[] {
  return parts.length === 0 ? [] : [{ sql: `ALTER TABLE \`${facts.name}\` ${parts.join(', ')}`, algorithms }];
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
