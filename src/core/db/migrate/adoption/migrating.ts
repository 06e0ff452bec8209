import type { AfdError } from '../../../domain/errors.ts';
import type { Ask } from '../../server-facts.ts';
import type { TableNames } from '../../table-names.ts';
import type { Finding } from './findings.ts';

/** A table of another program that becomes afd's as well, and what an operator should know of it. */
export interface AdoptedTable {
  table: string;
  rows: number;
  findings: Finding[];
}

/** What an adoption needs of MigrationTools, which is made of adoptions. */
export interface Migrating {
  readonly names: TableNames;
  readonly ask: Ask;
  readonly adopted: AdoptedTable[];
  run(sql: string, algorithms?: string[]): Promise<void>;
  /** As `run`. Returns the server's error when it can run the statement by none of the algorithms, else undefined. */
  tryRun(sql: string, algorithms: string[]): Promise<unknown>;
  /** Undefined = there is no such table, or no such column; of `id` unless another is named. */
  columnType(plainTable: string, column?: string): Promise<string | undefined>;
  createTable(plainName: string, sql: string): Promise<void>;
  collation(): Promise<string>;
  notOurs(table: string, missing: string[]): AfdError;
}
