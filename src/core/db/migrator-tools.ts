// What migrations are written with. Every step reads INFORMATION_SCHEMA first, since DDL commits before anybody records it:
// a migration that was killed between two statements is simply run again. The same tools serve `--dry-run`.
import { setTimeout as pause } from 'node:timers/promises';
import { AfdError } from '../domain/errors.ts';
import { type Change, planAdoption } from './adoption/adoption-plan.ts';
import { GENERATED_COLUMNS, KEYS, PLAIN_COLUMNS } from './adoption/task-columns.ts';
import { columnOf, isAdopted, readTaskTable, type TaskTableFacts } from './adoption/task-table.ts';
import type { Ask } from './server-facts.ts';
import type { TableNames } from './table-names.ts';

export interface ToolOptions {
  /** Statements are collected and not sent. */
  dryRun: boolean;
  /** The document's four columns of the task table are shown to `SELECT *`. */
  visible: boolean;
  /** For how long a table that others hold is asked for again. */
  lockPatienceS: number;
  /** Around each statement; for tests, which kill the process there. */
  onStatement?: ((sql: string, when: 'before' | 'after') => void) | undefined;
  /** A sentence while something is waited for. */
  onWait?: ((message: string) => void) | undefined;
}

/** 1205 lock wait timeout, 1213 deadlock: the table is held by a transaction of others. */
const HELD = new Set([1205, 1213]);
/** The server cannot do it by that algorithm: 1845, 1846, 4092 (MySQL: 64 instant changes have been made). */
const OTHER_ALGORITHM = new Set([1845, 1846, 4092]);
const LOG_FULL = 1799;

/** Seconds that one ALTER waits for its table. All later statements on the table wait behind it, so it is short. */
export const LOCK_WAIT_S = 5;

export class MigrationTools {
  readonly names: TableNames;
  /** What was sent, or would have been, in order. */
  readonly statements: string[] = [];
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
    const { dryRun, onStatement } = this.#options;
    const text = (algorithm: string) => (algorithm === '' ? sql : `${sql}, ${algorithm}`);
    const [first] = algorithms;
    if (dryRun) {
      this.statements.push(text(first!));
      return;
    }
    onStatement?.(sql, 'before');
    for (const [n, algorithm] of algorithms.entries()) {
      try {
        await this.#insist(text(algorithm));
        this.statements.push(text(algorithm));
        break;
      } catch (error) {
        if (!OTHER_ALGORITHM.has(errnoOf(error))) throw error;
        if (n + 1 === algorithms.length) throw onlyByCopy(sql, error);
      }
    }
    onStatement?.(sql, 'after');
  }

  /**
   * Creates the table unless it exists. `sql` ends its columns with `) TABLE_OPTIONS`.
   * @throws AfdError E_CONFLICT when a table of that name is somebody else's
   */
  async createTable(plainName: string, sql: string): Promise<void> {
    const existing = await this.ask(
      'SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
      [plainName],
    );
    if (existing.length === 0) {
      const options = `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=${await this.collation()}`;
      await this.run(sql.replace('TABLE_OPTIONS', options));
      return;
    }
    const has = new Set(existing.map((row) => String(row.name).toLowerCase()));
    const missing = [...sql.matchAll(/^ +([a-z_]+) [A-Z]/gm)]
      .map((match) => match[1]!)
      .filter((name) => !has.has(name));
    if (missing.length === 0) return;
    throw new AfdError(
      'E_CONFLICT',
      `The table ${plainName} exists and is not afd's: it has no column ${missing.slice(0, 3).join(', ')}. Rename it, or set tables.prefix to something else than "${this.names.prefix}".`,
      { suggestions: ['afd migrate --dry-run'], data: { table: plainName, missing } },
    );
  }

  /** Adds to a table of afd's own the columns that it lacks, one by one; definitions by name. */
  async addColumns(plainTable: string, columns: Record<string, string>): Promise<void> {
    for (const [name, definition] of Object.entries(columns)) {
      if (await this.#has(plainTable, name)) continue;
      await this.run(`ALTER TABLE \`${plainTable}\` ADD COLUMN ${name} ${definition}`, COLUMNS);
    }
  }

  async dropColumns(plainTable: string, columns: string[]): Promise<void> {
    for (const name of columns) {
      if (await this.#has(plainTable, name))
        await this.run(`ALTER TABLE \`${plainTable}\` DROP COLUMN ${name}`, COLUMNS);
    }
  }

  async #has(plainTable: string, column: string): Promise<boolean> {
    return (await this.columnType(plainTable, column)) !== undefined;
  }

  async dropTable(plainName: string): Promise<void> {
    if ((await this.columnType(plainName)) === undefined) return;
    await this.run(`DROP TABLE \`${plainName}\``);
  }

  /** COLUMN_TYPE as the server spells it (`bigint(20)`, `int unsigned`), undefined when there is no such column. */
  async columnType(plainTable: string, column = 'id'): Promise<string | undefined> {
    const rows = await this.ask(
      `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY COLUMN_NAME <> ?`,
      [plainTable, column],
    );
    const exact = rows.find((row) => String(row.name).toLowerCase() === column);
    // A table without an id still exists.
    return exact === undefined && column === 'id' && rows[0] !== undefined ? String(rows[0].type) : exact?.type;
  }

  /**
   * Creates the task table, or adds to an existing one what it lacks, without blocking its writers.
   * @throws AfdError E_CONFLICT when the table cannot be used as it is
   */
  async ensureTaskTable(createSql: string): Promise<void> {
    const facts = await this.#taskTable();
    if (facts === undefined) return this.createTable(this.names.plain.task, createSql);
    const { changes, refusals } = planAdoption(facts, {
      collation: await this.collation(),
      visible: this.#options.visible,
    });
    if (refusals.length > 0) throw cannotAdopt(facts.name, refusals);
    for (const { sql, algorithms } of changes) await this.run(sql, algorithms);
  }

  /** Drops a task table of afd's own. From an adopted one: what afd added, except the words of its ENUM. */
  async removeTaskTable(): Promise<void> {
    const facts = await this.#taskTable();
    if (facts === undefined) return;
    if (!isAdopted(facts)) return this.run(`DROP TABLE ${this.names.task}`);
    const own = (names: readonly { name: string }[]) => names.map(({ name }) => name);
    const invisible = (name: string) => columnOf(facts, name)?.invisible === true;
    const steps: Change[] = [
      {
        sql: drop(
          'KEY',
          own(KEYS).filter((name) => facts.keys.some((key) => key.name === name)),
        ),
        algorithms: INDEX,
      },
      { sql: drop('COLUMN', own(GENERATED_COLUMNS).filter(invisible)), algorithms: COLUMNS },
      { sql: drop('COLUMN', own(PLAIN_COLUMNS).filter(invisible)), algorithms: COLUMNS },
    ];
    for (const { sql, algorithms } of steps) {
      if (sql !== '') await this.run(`ALTER TABLE ${this.names.task} ${sql}`, algorithms);
    }
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
    const facts = await this.#taskTable();
    const [schema] = await this.ask('SELECT @@collation_database AS name');
    const candidates = [device?.name, facts?.collation, schema?.name].map(String);
    return candidates.find((name) => name.startsWith('utf8mb4_')) ?? 'utf8mb4_general_ci';
  }

  #taskTable(): Promise<TaskTableFacts | undefined> {
    return readTaskTable(this.ask, this.names.plain.task);
  }

  /** Gives the table back to those who wait behind us for as long as we have waited, then asks again. */
  async #insist(sql: string): Promise<void> {
    const { lockPatienceS, onWait } = this.#options;
    for (let waited = 0; ; waited += 2 * LOCK_WAIT_S) {
      try {
        await this.ask(sql);
        return;
      } catch (error) {
        if (errnoOf(error) === LOG_FULL) throw logFull(error);
        if (!HELD.has(errnoOf(error))) throw error;
        if (waited + LOCK_WAIT_S >= lockPatienceS) throw held(sql, waited + LOCK_WAIT_S, error);
        onWait?.(`A transaction has been holding the table for more than ${LOCK_WAIT_S} s; trying again.`);
        await pause(LOCK_WAIT_S * 1000);
      }
    }
  }
}

const INDEX = ['ALGORITHM=INPLACE, LOCK=NONE'];
const COLUMNS = ['ALGORITHM=INSTANT', 'ALGORITHM=INPLACE, LOCK=NONE'];

function drop(what: 'KEY' | 'COLUMN', names: string[]): string {
  return names.map((name) => `DROP ${what} ${name}`).join(', ');
}

function errnoOf(error: unknown): number {
  return Number((error as { errno?: unknown }).errno ?? 0);
}

export function cannotAdopt(table: string, refusals: string[]): AfdError {
  const list = refusals.map((one) => `  ${one}`).join('\n');
  return new AfdError('E_CONFLICT', `The table ${table} cannot be used as it is. Nothing was changed.\n${list}`, {
    suggestions: ['afd migrate --dry-run'],
    data: { table, refusals },
  });
}

function held(sql: string, seconds: number, cause: unknown): AfdError {
  const message = `A transaction has been holding the table for ${seconds} s, so this was not done: ${sql}. What was done before stays; run it again to go on.`;
  return new AfdError('E_TEMPORARY', message, {
    suggestions: ['afd db shell --execute "SELECT * FROM information_schema.INNODB_TRX"', 'afd migrate'],
    cause,
  });
}

function logFull(cause: unknown): AfdError {
  const message =
    'The table was written faster than an index can be built beside it (innodb_online_alter_log_max_size). Raise that variable, or choose a calmer hour.';
  return new AfdError('E_TEMPORARY', message, { suggestions: ['afd migrate'], cause });
}

function onlyByCopy(sql: string, cause: unknown): AfdError {
  const message = `This server can do this only by copying the table, which blocks its writers: ${sql}. Run it yourself at an hour of your choice, then go on.`;
  return new AfdError('E_CONFLICT', message, { suggestions: ['afd migrate'], cause, data: { sql } });
}
