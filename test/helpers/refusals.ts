import type { Session } from '../../src/core/db/session.ts';

/** Triggers that refuse to write certain rows, as an owner of the tables may have them. */
export class Refusals {
  readonly #session: Session;
  readonly #made: string[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  /** `when`: a condition on OLD and NEW. `instead`: another statement than refusing. */
  async of(
    table: string,
    when: string,
    { event = 'UPDATE', instead = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by a trigger'" } = {},
  ): Promise<void> {
    const name = `refuse_${this.#made.length}_${event.toLowerCase()}_${table.replaceAll('`', '')}`;
    await this.#session.write(
      `CREATE TRIGGER ${name} BEFORE ${event} ON ${table} FOR EACH ROW BEGIN IF ${when} THEN ${instead}; END IF; END`,
    );
    this.#made.push(name);
  }

  async none(): Promise<void> {
    for (const name of this.#made.splice(0)) await this.#session.write(`DROP TRIGGER IF EXISTS ${name}`);
  }
}
