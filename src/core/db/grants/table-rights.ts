import type { TableNames } from '../table-names.ts';

/** `true` = all columns, also those of a later version. */
export type Columns = true | readonly string[];

/** Rights of one role in one table. */
export interface TableRights {
  table: keyof TableNames['plain'];
  /** What they are for, in words that follow "to". */
  why: string;
  SELECT?: Columns;
  INSERT?: Columns;
  UPDATE?: Columns;
  /** Columns that information_schema names to the account, and whose content it cannot read. */
  REFERENCES?: readonly string[];
  DELETE?: true;
  /** CREATE, ALTER and DROP of this table: the server asks for them when a day is added or dropped. */
  partitions?: true;
}

export const VERSION: TableRights = { table: 'migration', why: 'check the version of the schema', SELECT: true };
export const SETTINGS: TableRights = { table: 'setting', why: 'read the settings of the fleet', SELECT: true };
