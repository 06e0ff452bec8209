// From the facts of a table of the design document, made by another program, to the one ALTER that it lacks. Pure.
import { fitOf, withCharset } from './column-fit.ts';
import type { WantedColumn, WantedIndex } from './create-table.ts';
import { DOCUMENT_INDEXES, type DocumentTable, MARK } from './document-tables.ts';
import type { ForeignKey } from './read-foreign-keys.ts';
import { columnOf, type TaskTableFacts } from './task-table.ts';

export interface TablePlan {
  /** The whole ALTER, undefined = nothing is missing. One statement: a killed run has done all of it or nothing. */
  sql: string | undefined;
  /** The server copies the table for it, and its writers wait. */
  copy: boolean;
  /** Why afd cannot use the table, each with what to do. */
  refusals: string[];
}

/** Whether another program made the table. True also before anything was added to it. */
export function isAdoptedTable(kind: DocumentTable, facts: TaskTableFacts): boolean {
  // afd gives the heartbeats a longer primary key, for its partitions, and adds no column.
  if (kind === 'heartbeat') return primaryKey(facts) === 'id';
  return columnOf(facts, MARK[kind])?.invisible !== false;
}

export function planTable(
  kind: DocumentTable,
  facts: TaskTableFacts,
  foreignKeys: ForeignKey[],
  wanted: { columns: WantedColumn[]; indexes: WantedIndex[] },
  collation: string,
): TablePlan {
  const refusals = refusalsOfTable(facts, wanted.columns);
  const adopted = isAdoptedTable(kind, facts);
  const tied = new Set(foreignKeys.flatMap((key) => (key.table === facts.name ? [key.column] : [key.key])));
  const parts: string[] = [];
  let copy = false;
  for (const column of wanted.columns) {
    const there = columnOf(facts, column.name);
    if (there === undefined) {
      parts.push(`ADD COLUMN ${addedColumn(column, collation, adopted)}`);
      continue;
    }
    const fit = fitOf(there, column, collation);
    if (fit.kind === 'fits') continue;
    // A column of a foreign key keeps its type, which both ends must share; a narrower number does for an id.
    if (fit.kind === 'change' && tied.has(there.name)) {
      if (there.kind !== 'varchar' && there.kind !== 'char') continue;
      refusals.push(
        `${facts.name}.${there.name} is ${there.type} and part of a foreign key, but afd needs ${column.definition}: drop the key, widen both columns, and add the key again.`,
      );
      continue;
    }
    if (fit.kind === 'misfit') {
      refusals.push(
        `${facts.name}.${there.name} is ${there.type}, but afd needs ${fit.needs}: rename it, or change its type.`,
      );
      continue;
    }
    copy ||= fit.copy;
    parts.push(`MODIFY COLUMN \`${there.name}\` ${hidden(fit.definition, there.invisible)}`);
  }
  for (const index of wanted.indexes) parts.push(...indexParts(facts, index));
  const sql = parts.length === 0 ? undefined : `ALTER TABLE \`${facts.name}\` ${parts.join(', ')}`;
  return { sql, copy, refusals };
}

/** What takes away again all that was added to an adopted table; undefined = nothing was. Types and words stay wider. */
export function unplanTable(
  kind: DocumentTable,
  facts: TaskTableFacts,
  wanted: { columns: WantedColumn[] },
): string | undefined {
  const added = wanted.columns.filter(({ name }) => columnOf(facts, name)?.invisible === true);
  if (added.length === 0) return undefined;
  const before = Object.entries(DOCUMENT_INDEXES[kind]).filter(([name]) =>
    facts.keys.some((key) => key.name === name && key.columns.length > 1),
  );
  const parts = [
    ...before.flatMap(([name, column]) => [`DROP KEY ${name}`, `ADD KEY ${name} (${column})`]),
    ...added.map(({ name }) => `DROP COLUMN ${name}`),
  ];
  return `ALTER TABLE \`${facts.name}\` ${parts.join(', ')}`;
}

function indexParts(facts: TaskTableFacts, { name, columns, unique }: WantedIndex): string[] {
  const text = columns.join(', ');
  const there = facts.keys.find((key) => key.name === name);
  const add = `ADD ${unique ? 'UNIQUE ' : ''}KEY ${name} (${text})`;
  if (there === undefined) {
    // One that only has to be unique may have another name; those that statements name may not.
    const same = facts.keys.some((key) => key.unique && key.columns.join().toLowerCase() === columns.join());
    return unique && columns.length === 1 && same ? [] : [add];
  }
  return there.unique === unique && there.columns.join(', ').toLowerCase() === text ? [] : [`DROP KEY ${name}`, add];
}

function refusalsOfTable(facts: TaskTableFacts, wanted: WantedColumn[]): string[] {
  if (facts.kind !== 'BASE TABLE') return [`${facts.name} is a ${facts.kind.toLowerCase()}, but afd needs a table.`];
  const table = `\`${facts.name}\``;
  const found: string[] = [];
  if (facts.engine.toLowerCase() !== 'innodb') {
    found.push(
      `${facts.name} uses the engine ${facts.engine}, which has no row locks. Run: ALTER TABLE ${table} ENGINE=InnoDB;`,
    );
  }
  const id = columnOf(facts, 'id');
  if (!primaryKey(facts).startsWith('id') || id?.autoIncrement !== true) {
    found.push(`${facts.name}.id is not a primary key with AUTO_INCREMENT.`);
  }
  const known = new Set(wanted.map(({ name }) => name));
  for (const { name, type, nullable, default: value, generated } of facts.columns) {
    if (known.has(name.toLowerCase()) || nullable || value !== null || generated !== 'no') continue;
    found.push(
      `${facts.name}.${name} is NOT NULL without a default, and afd does not write it. Run: ALTER TABLE ${table} MODIFY COLUMN \`${name}\` ${type} NULL;`,
    );
  }
  return found;
}

function primaryKey(facts: TaskTableFacts): string {
  return (
    facts.keys
      .find((key) => key.name === 'PRIMARY')
      ?.columns.join()
      .toLowerCase() ?? ''
  );
}

function addedColumn({ name, definition }: WantedColumn, collation: string, adopted: boolean): string {
  return `${name} ${hidden(withCharset(definition, collation), adopted)}`;
}

/** Both servers take INVISIBLE before COMMENT; MariaDB only there. */
export function hidden(definition: string, invisible: boolean): string {
  const [type, comment] = definition.split(/(?= COMMENT )/);
  return `${type}${invisible ? ' INVISIBLE' : ''}${comment ?? ''}`;
}
