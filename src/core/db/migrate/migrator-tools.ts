// What migrations are written with. Every step reads INFORMATION_SCHEMA first, since DDL commits before knex stores
// that it ran: a migration that was killed between two statements is simply run again. The same tools serve
// `--dry-run`.
import { setTimeout as pause } from 'node:timers/promises';
import { AfdError } from '../../domain/errors.ts';
import type { Ask } from '../server-facts.ts';
import type { TableNames } from '../table-names.ts';
import { adoptTable, leaveTable } from './adoption/adopt-table.ts';
import { ensureTaskTable, removeTaskTable } from './adoption/adopt-task-table.ts';
import { wantedOf } from './adoption/create-table.ts';
import type { DocumentTable } from './adoption/document-tables.ts';
import type { AdoptedTable, Migrating } from './adoption/migrating.ts';
import { readTaskTable } from './adoption/task-table.ts';

export interface ToolOptions {
  /** Statements are collected and not sent. */
  dryRun: boolean;
  /** The document's four columns of the task table are shown to `SELECT *`. */
  visible: boolean;
  /** For how long a table that others hold is asked for again. */
  lockWaitS: number;
  /** Around each statement; for tests, which kill the process there. */
  onStatement?: ((sql: string, when: 'before' | 'after') => void) | undefined;
  /** A sentence while something is waited for. */
  onWait?: ((message: string) => void) | undefined;
}

/** 1205 lock wait timeout, 1213 deadlock: a transaction of others holds the table. */
const HELD = new Set([1205, 1213]);
/** The row is too long; on MariaDB perhaps only with what earlier instant changes have left in it. */
const TOO_LONG = 1118;
/** The server cannot do it by that algorithm: 1845, 1846, 4092 (MySQL: 64 instant changes have been made). */
const OTHER_ALGORITHM = new Set([1845, 1846, 4092, TOO_LONG]);
const LOG_FULL = 1799;

/** Seconds that one ALTER waits for its table. All later statements on the table wait behind it, so it is short. */
export const LOCK_WAIT_S = 5;

export class MigrationTools implements Migrating {
  readonly names: TableNames;
  /** What was sent, or would have been, in order. */
  readonly statements: string[] = [];
  /** Tables of other programs that became afd's as well, with what is to be known of them. */
  readonly adopted: AdoptedTable[] = [];
  readonly ask: Ask;
  readonly #options: ToolOptions;
  #collation: string | undefined;

  constructor(ask: Ask, names: TableNames, options: ToolOptions) {
    this.ask = ask;
    this.names = names;
    this.#options = options;
  }

  /** Sends a statement that changes something. `algorithms`: tried in order, appended to the ALTER. */
  async run(sql: string, algorithms: string[] = ['']): Promise<void> {
    const refused = await this.tryRun(sql, algorithms);
    if (refused !== undefined) throw errnoOf(refused) === TOO_LONG ? refused : onlyByCopy(sql, refused);
  }

  /** As `run`. Returns the server's last error when it can run the statement by none of the algorithms. */
  async tryRun(sql: string, algorithms: string[]): Promise<unknown> {
    const { dryRun, onStatement } = this.#options;
    const text = (algorithm: string) => (algorithm === '' ? sql : `${sql}, ${algorithm}`);
    if (dryRun) {
      this.statements.push(text(algorithms[0]!));
      return undefined;
    }
    let refused: unknown;
    onStatement?.(sql, 'before');
    for (const algorithm of algorithms) {
      try {
        await this.#insist(text(algorithm));
        this.statements.push(text(algorithm));
        onStatement?.(sql, 'after');
        return undefined;
      } catch (error) {
        if (!OTHER_ALGORITHM.has(errnoOf(error))) throw error;
        refused = error;
      }
    }
    return refused;
  }

  /**
   * Creates the table unless it exists. `sql`: one column or index in each line, and `) TABLE_OPTIONS` behind them.
   * @throws AfdError E_CONFLICT when a table of that name is another program's
   */
  async createTable(plainName: string, sql: string): Promise<void> {
    const columns = await this.#columns(plainName);
    if (columns.length === 0) {
      const options = `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=${await this.collation()}`;
      return this.run(sql.replace('TABLE_OPTIONS', options));
    }
    const kind = this.#documented(plainName);
    if (kind !== undefined) return adoptTable(this, kind, sql);
    const missing = wantedOf(sql)
      .columns.map(({ name }) => name)
      .filter((name) => !columns.some((column) => column.name === name));
    if (missing.length > 0) throw this.notOurs(plainName, missing);
  }

  /** The design document has this table, so that other programs may have made it. */
  #documented(plainName: string): DocumentTable | undefined {
    return (['device', 'assignment', 'heartbeat'] as const).find((kind) => this.names.plain[kind] === plainName);
  }

  notOurs(table: string, missing: string[]): AfdError {
    const { prefix } = this.names;
    return new AfdError(
      'E_CONFLICT',
      `The table ${table} exists, but it was not created by afd: it has no column ${missing.slice(0, 3).join(', ')}. Rename it, or set tables.prefix to another value than "${prefix}".`,
      { suggestions: ['afd migrate --dry-run'], data: { table, missing } },
    );
  }

  /** Drops the table; from an adopted one takes what `sql`, the CREATE TABLE of the migration, has added. */
  async dropTable(plainName: string, sql?: string): Promise<void> {
    if ((await this.columnType(plainName)) === undefined) return;
    const kind = this.#documented(plainName);
    if (kind !== undefined && sql !== undefined && (await leaveTable(this, kind, sql))) return;
    await this.run(`DROP TABLE \`${plainName}\``);
  }

  /** COLUMN_TYPE as the server spells it (`bigint(20)`, `int unsigned`), undefined when there is no such column. */
  async columnType(plainTable: string, column = 'id'): Promise<string | undefined> {
    const columns = await this.#columns(plainTable);
    // A table without an id still exists.
    return (columns.find(({ name }) => name === column) ?? (column === 'id' ? columns[0] : undefined))?.type;
  }

  async #columns(plainTable: string): Promise<Array<{ name: string; type: string }>> {
    const rows = await this.ask(
      `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
      [plainTable],
    );
    return rows.map((row) => ({ name: String(row.name).toLowerCase(), type: String(row.type) }));
  }

  /** @throws AfdError E_CONFLICT when the table cannot be used as it is */
  ensureTaskTable(createSql: string): Promise<void> {
    return ensureTaskTable(this, createSql, this.#options);
  }

  removeTaskTable(): Promise<void> {
    return removeTaskTable(this);
  }

  /** Of every text column of ours that is compared with another: one collation for all, that of the task table. */
  async collation(): Promise<string> {
    this.#collation ??= await this.#findCollation();
    return this.#collation;
  }

  async #findCollation(): Promise<string> {
    const [device] = await this.ask(
      `SELECT COLLATION_NAME AS name FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = 'device_id'`,
      [this.names.plain.device],
    );
    const facts = await readTaskTable(this.ask, this.names.plain.task);
    const [schema] = await this.ask('SELECT @@collation_database AS name');
    const candidates = [device?.name, facts?.collation, schema?.name].map(String);
    return candidates.find((name) => name.startsWith('utf8mb4_')) ?? 'utf8mb4_general_ci';
  }

  /** Gives the table back to those who wait behind us for as long as we have waited, then asks again. */
  async #insist(sql: string): Promise<void> {
    const { lockWaitS, onWait } = this.#options;
    for (let waited = 0; ; waited += 2 * LOCK_WAIT_S) {
      try {
        await this.ask(sql);
        return;
      } catch (error) {
        if (errnoOf(error) === LOG_FULL) throw logFull(error);
        if (!HELD.has(errnoOf(error))) throw error;
        if (waited + LOCK_WAIT_S >= lockWaitS) throw held(sql, waited + LOCK_WAIT_S, error);
        onWait?.(`Another transaction has held a lock on the table for more than ${LOCK_WAIT_S} s; trying again.`);
        await pause(LOCK_WAIT_S * 1000);
      }
    }
  }
}

function errnoOf(error: unknown): number {
  return Number((error as { errno?: unknown }).errno ?? 0);
}

function held(sql: string, seconds: number, cause: unknown): AfdError {
  const message = `Another transaction has held a lock on the table for ${seconds} s, so this statement was not run: ${sql}. The statements before it remain in effect; run the command again to continue.`;
  return new AfdError('E_TEMPORARY', message, {
    suggestions: ['afd db shell --execute "SELECT * FROM information_schema.INNODB_TRX"', 'afd migrate'],
    cause,
  });
}

function logFull(cause: unknown): AfdError {
  const message =
    'The table is written faster than an index can be built (innodb_online_alter_log_max_size). Raise that variable, or run the command at a quieter time.';
  return new AfdError('E_TEMPORARY', message, { suggestions: ['afd migrate'], cause });
}

function onlyByCopy(sql: string, cause: unknown): AfdError {
  const message = `This server can run this statement only by copying the table, which blocks its writers: ${sql}. Run it yourself at a quiet time, then run the command again.`;
  return new AfdError('E_CONFLICT', message, { suggestions: ['afd migrate'], cause, data: { sql } });
}
