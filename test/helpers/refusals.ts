import { DatabaseError } from '../../src/core/db/database-error.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';

/** Rows that the database refuses to write, as checks and triggers of a table's owner do. */
export class Refusals {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #undo: string[] = [];

  constructor(session: Session, names: TableNames) {
    this.#session = session;
    this.#names = names;
  }

  /** No row of `table` may become like this. */
  async of(table: string, like: string): Promise<void> {
    const name = `refuse_${this.#undo.length}_${table.replaceAll('`', '')}`;
    await this.#session.write(`ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (NOT (${like}))`);
    this.#undo.push(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  }

  /** These tasks may not leave `running`. By their user name: MySQL checks no column that it counts up. */
  async ofTasks(ids: number[]): Promise<void> {
    await this.#session.write(`UPDATE ${this.#names.task} SET username = 'refused' WHERE id IN (?)`, [ids]);
    await this.of(this.#names.task, "username = 'refused' AND status = 'pending'");
  }

  /** A write of such a row of the task table takes a second. False = this account may make no trigger. */
  async slow(when: string): Promise<boolean> {
    try {
      await this.#session.write(
        `CREATE TRIGGER slow BEFORE UPDATE ON ${this.#names.task} FOR EACH ROW BEGIN IF ${when} THEN DO SLEEP(1); END IF; END`,
      );
    } catch (error) {
      if (error instanceof DatabaseError && error.errno === 1419) return false;
      throw error;
    }
    this.#undo.push('DROP TRIGGER slow');
    return true;
  }

  async none(): Promise<void> {
    for (const statement of this.#undo.splice(0)) await this.#session.write(statement);
  }
}
