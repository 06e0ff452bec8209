// How far the ends of tasks have been recorded: the id of an attempt, and of a row of the task ends. Invariant: every end up to there
// has its deliveries. Index: PRIMARY, idx_status for the open attempts. Zero rows: no webhook was ever active.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface EndCursors {
  attempts: number;
  ends: number;
}

const NAMES = { attempts: 'webhooks: attempts', ends: 'webhooks: task ends' };
/** Ids of transactions that are open, and will commit behind the highest one. */
const UNCOMMITTED = 1000;

/** @throws DatabaseError */
export async function readCursors(session: Session, names: TableNames): Promise<EndCursors | undefined> {
  const rows = await session.rows<{ name: string; value: number }>(
    `SELECT name, value FROM ${names.cursor} WHERE name IN (?, ?)`,
    Object.values(NAMES),
  );
  const values = new Map(rows.map((row) => [row.name, Number(row.value)]));
  const attempts = values.get(NAMES.attempts);
  const ends = values.get(NAMES.ends);
  return attempts === undefined || ends === undefined ? undefined : { attempts, ends };
}

/** Those who make a webhook active wait for each other. Inside a transaction. @throws DatabaseError */
export async function lockCursors(session: Session, names: TableNames): Promise<void> {
  await session.write(
    `INSERT INTO ${names.cursor} (name, value, updated_at) VALUES (?, 0, UTC_TIMESTAMP(3)), (?, 0, UTC_TIMESTAMP(3))
     ON DUPLICATE KEY UPDATE updated_at = VALUES(updated_at)`,
    Object.values(NAMES),
  );
}

/** Before everything that can end from now on. Inside a transaction, after lockCursors. @throws DatabaseError */
export async function beginCursors(session: Session, names: TableNames): Promise<void> {
  const highest = (table: string) => `(SELECT COALESCE(MAX(id), 0) FROM ${table})`;
  const [row] = await session.rows(
    `SELECT ${highest(names.assignment)} AS attempts, ${highest(names.taskEnd)} AS ends,
       (SELECT MIN(id) FROM ${names.assignment} FORCE INDEX (idx_status) WHERE status IN ('assigned', 'running')) AS open`,
  );
  const attempts = Math.min(Number(row?.attempts) - UNCOMMITTED, Number(row?.open ?? row?.attempts) - 1);
  await write(session, names, { attempts: Math.max(0, attempts), ends: Math.max(0, row?.ends - UNCOMMITTED) });
}

/** In the transaction that records what ended. @throws DatabaseError */
export async function moveCursors(session: Session, names: TableNames, to: EndCursors): Promise<void> {
  await write(session, names, to);
}

async function write(session: Session, names: TableNames, { attempts, ends }: EndCursors): Promise<void> {
  await session.write(
    `UPDATE ${names.cursor} SET value = IF(name = ?, ?, ?), updated_at = UTC_TIMESTAMP(3) WHERE name IN (?, ?)`,
    [NAMES.attempts, attempts, ends, ...Object.values(NAMES)],
  );
}
