// What INFORMATION_SCHEMA says about a table, above all the task table. Every decision of an adoption is made from this, never from a version
// number: real tables are any mixture of versions and of changes by hand.
import type { Ask } from '../../server-facts.ts';

export interface ColumnFacts {
  name: string;
  /** COLUMN_TYPE as this server spells it: `int(11)`, `enum('a','b')`. */
  type: string;
  /** DATA_TYPE: `int`, `enum`, `datetime`. */
  kind: string;
  nullable: boolean;
  /** COLUMN_DEFAULT as this server spells it; null = none. */
  default: string | null;
  comment: string;
  collation: string | null;
  generated: 'no' | 'virtual' | 'stored';
  invisible: boolean;
  autoIncrement: boolean;
  /** It is set to the session's now by every UPDATE. */
  onUpdate: boolean;
}

export interface KeyFacts {
  name: string;
  columns: string[];
  unique: boolean;
}

export interface TaskTableFacts {
  name: string;
  isMariaDb: boolean;
  /** `BASE TABLE`, `VIEW`, … */
  kind: string;
  engine: string;
  collation: string;
  partitioned: boolean;
  columns: ColumnFacts[];
  keys: KeyFacts[];
}

/** undefined when there is no such table. @throws whatever `ask` throws */
export async function readTaskTable(ask: Ask, name: string): Promise<TaskTableFacts | undefined> {
  const [table] = await ask(
    `SELECT TABLE_TYPE AS kind, ENGINE AS engine, TABLE_COLLATION AS collation, CREATE_OPTIONS AS options,
            VERSION() AS version
     FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`,
    [name],
  );
  if (table === undefined) return undefined;
  const columns = await ask(
    `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, DATA_TYPE AS kind, IS_NULLABLE AS nullable,
            COLUMN_DEFAULT AS value, COLUMN_COMMENT AS comment, COLLATION_NAME AS collation, EXTRA AS extra
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
    [name],
  );
  const parts = await ask(
    `SELECT INDEX_NAME AS name, COLUMN_NAME AS part, NON_UNIQUE AS many, SUB_PART AS prefix
     FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
     ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
    [name],
  );
  const keys = new Map<string, KeyFacts>();
  for (const { name: key, part, many, prefix } of parts) {
    const known: KeyFacts = keys.get(key) ?? { name: String(key), columns: [], unique: Number(many) === 0 };
    known.columns.push(prefix === null ? String(part) : `${part}(${prefix})`);
    keys.set(key, known);
  }
  const isMariaDb = /mariadb/i.test(String(table.version));
  return {
    name,
    isMariaDb,
    kind: String(table.kind),
    engine: String(table.engine),
    collation: String(table.collation),
    partitioned: /partitioned/i.test(String(table.options ?? '')),
    columns: columns.map((row) => ({
      name: String(row.name),
      type: String(row.type),
      kind: String(row.kind).toLowerCase(),
      nullable: row.nullable === 'YES',
      // MariaDB spells "no default, but nullable" as the word NULL.
      default: row.value === null || (isMariaDb && row.value === 'NULL') ? null : String(row.value),
      comment: String(row.comment ?? ''),
      collation: row.collation === null ? null : String(row.collation),
      generated: /STORED GENERATED/i.test(row.extra)
        ? 'stored'
        : /VIRTUAL GENERATED/i.test(row.extra)
          ? 'virtual'
          : 'no',
      invisible: /INVISIBLE/i.test(row.extra),
      autoIncrement: /auto_increment/i.test(row.extra),
      onUpdate: /on update/i.test(row.extra),
    })),
    keys: [...keys.values()],
  };
}

/**
 * Whether another program made this table. afd makes its own with STORED columns; to an existing one only VIRTUAL ones
 * can be added without blocking its writers. True also before the columns are there.
 */
export function isAdopted(facts: TaskTableFacts): boolean {
  return facts.columns.find((column) => column.name === 'lane')?.generated !== 'stored';
}

export function columnOf(facts: TaskTableFacts, name: string): ColumnFacts | undefined {
  // MySQL's column names are equal without regard to case.
  return facts.columns.find((column) => column.name.toLowerCase() === name);
}

/** Labels of an ENUM, in order. */
export function enumLabels(type: string): string[] {
  return [...type.matchAll(/'((?:[^']|'')*)'/g)].map((match) => match[1]!.replaceAll("''", "'"));
}
