// A row as no afd writes it, among the good ones: by a program that knows the table and is not strict.
import type { Session } from '../../src/core/db/session.ts';
import { REFUSED } from './database-events.ts';
import type { ChaosFleet } from './fleet.ts';
import type { Step } from './plan.ts';

const CLAIM = { claim_token: "REPEAT('x', 16)", claim_instance: "REPEAT('y', 16)", claimed_by: "'ghost'" };

/** Literals of SQL by column. Each of these rows ends: done, or put aside; none of them waits for a device that is not there. */
const ROWS: Array<Record<string, string>> = [
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

/** Says what it asked before it asks, so that a row without an answer is known all the same. @throws DatabaseError */
export async function insertOddRow(fleet: ChaosFleet, session: Session, proc: string, step: Step): Promise<void> {
  const { names, history } = fleet;
  const odd = ROWS[Math.floor(step.aim * ROWS.length)]!;
  const key = `odd-${step.n}`;
  history.note({ proc, type: 'invoke', f: 'enqueue', key, odd });
  await session.ready();
  await session.write("SET SESSION sql_mode = ''");
  const row = {
    task_type: "'short'",
    username: "'odd'",
    dedupe_key: `'${key}'`,
    task_data: `'{"ms": 5, "fate": "ok"}'`,
    ...odd,
  };
  const { insertId } = await session.write(
    `INSERT INTO ${names.task} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')})`,
  );
  history.note({ proc, type: 'ok', f: 'enqueue', key, task: insertId });
}
