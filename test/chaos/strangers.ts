// Programs that know the table of tasks and nothing of afd: they lock its rows, set them back, and write odd ones.
import type { Session } from '../../src/core/db/session.ts';
import { REFUSED } from './database-events.ts';
import type { Last } from './faults.ts';
import type { ChaosFleet } from './fleet.ts';
import { aimAtTask } from './operators.ts';
import type { Step } from './plan.ts';

export const FOREIGNER = 'foreigner';

export class Strangers {
  readonly #fleet: ChaosFleet;
  readonly #session: Session;

  constructor(fleet: ChaosFleet) {
    this.#fleet = fleet;
    this.#session = fleet.session(FOREIGNER);
  }

  /** @throws DatabaseError */
  async step(step: Step, last: Last): Promise<void> {
    if (step.kind === 'foreign-reset') return this.#reset(step);
    // Each of these has a session of its own, with what it leaves in it.
    const session = this.#fleet.session(FOREIGNER);
    const odd = step.kind === 'odd-row';
    try {
      await (odd ? this.#insertOddRow(session, step) : this.#lock(session, step));
    } catch (error) {
      await session.close();
      throw error;
    }
    if (odd) await session.close();
    else last(step.ms, () => session.close());
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** A transaction holds rows that the fleet wants: some that run or wait, or those that would be claimed next. */
  async #lock(session: Session, { kind }: Step): Promise<void> {
    await session.ready();
    const { task } = this.#fleet.names;
    const locked = 'FOR UPDATE SKIP LOCKED';
    const next = `SELECT id FROM ${task} WHERE status = 'pending' ORDER BY due_at, id LIMIT 3`;
    const rows = kind === 'lock-pending' ? await session.rows<{ id: number }>(next) : [];
    await session.write('START TRANSACTION');
    for (const { id } of rows) await session.rows(`SELECT id FROM ${task} WHERE id = ? ${locked}`, [id]);
    if (kind === 'lock-pending') return;
    await session.rows(
      `SELECT id FROM ${task} WHERE status IN ('running', 'pending') ORDER BY id DESC LIMIT 3 ${locked}`,
    );
  }

  /** A running row is set back, by one who knows nothing of tokens. */
  async #reset(step: Step): Promise<void> {
    const session = this.#session;
    await session.ready();
    const task = await aimAtTask(this.#fleet, session, step);
    if (task === undefined) return;
    const { names, history } = this.#fleet;
    history.note({ proc: FOREIGNER, type: 'invoke', f: 'foreign-reset', task });
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ? AND status = 'running'`, [task]);
  }

  /**
   * A row as no afd writes it, by a program that is not strict. It says what it asks before it asks, so that a row without
   * an answer is known all the same.
   */
  async #insertOddRow(session: Session, step: Step): Promise<void> {
    const { names, history } = this.#fleet;
    const odd = ODD_ROWS[Math.floor(step.aim * ODD_ROWS.length)]!;
    const enqueue = { proc: FOREIGNER, f: 'enqueue', key: `odd-${step.n}` };
    history.note({ ...enqueue, type: 'invoke', odd });
    await session.ready();
    await session.write("SET SESSION sql_mode = ''");
    const task = { task_type: "'short'", username: "'odd'", task_data: `'{"ms": 5, "fate": "ok"}'` };
    const row = { ...task, dedupe_key: `'${enqueue.key}'`, ...odd };
    const { insertId } = await session.write(
      `INSERT INTO ${names.task} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')})`,
    );
    history.note({ ...enqueue, type: 'ok', task: insertId });
  }
}

const CLAIM = { claim_token: "REPEAT('x', 16)", claim_instance: "REPEAT('y', 16)", claimed_by: "'ghost'" };

/** Literals of SQL by column. Each of these rows ends: done, or put aside; none of them waits for a device that is not there. */
const ODD_ROWS: Array<Record<string, string>> = [
  { username: `'${REFUSED}'` },
  { username: `'${REFUSED}'`, priority: '10' },
  { attempt: '2147483647' },
  { attempt: '-1' },
  { next_run_at: "'0000-00-00 00:00:00'", created_at: "'0000-00-00 00:00:00'", updated_at: "'0000-00-00 00:00:00'" },
  { start_date: "'0000-00-00'", end_date: "'2026-00-00'" },
  { ...CLAIM, claimed_at: "'0000-00-00 00:00:00'", claim_deadline: "'9999-12-31 23:59:59.999'" },
  { ...CLAIM, status: "'running'", attempt: '1', claimed_at: 'NULL', claim_deadline: "'0000-00-00 00:00:00'" },
  { status: "'running'", attempt: '2147483647', claim_token: "''", claimed_by: "''" },
  { retry: '2147483647', max_retry_count: '2147483647', lost_count: '2147483647', attempt: '2147483646' },
  { retry: '-2147483648', max_retry_count: '-2147483648', lost_count: '-2147483648' },
  { execution_timeout: '-1' },
  { execution_timeout: '0', estimated_duration: '-2147483648' },
  { task_data: "'null'" },
  { task_data: "'5'" },
  { required_capabilities: "'{}'", username: "REPEAT('😀', 255)" },
];
