// Invariant: while at least one webhook is active, the cursors are those of its leader; the first one that becomes active sets them to
// now. Index: PRIMARY. Zero rows (false): there is no such webhook.
import type { Webhook } from '../../domain/webhook.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { beginCursors, lockCursors } from './end-cursors.ts';

type Changeable = 'url' | 'description' | 'event_types' | 'task_types' | 'active';
export type WebhookValues = { [K in Changeable]?: Webhook[K] | undefined };
export type NewWebhook = Omit<Pick<Webhook, Changeable>, 'active'> & {
  /** The text for its row, by its id. */
  secretOf(id: number): string;
  by: string;
};

/** Undefined = there are `most` already. Inside a transaction. @throws DatabaseError */
export async function insertWebhook(
  session: Session,
  names: TableNames,
  { url, description, event_types, task_types, secretOf, by }: NewWebhook,
  most: number,
): Promise<number | undefined> {
  const { all } = await begin(session, names);
  if (all >= most) return undefined;
  const { insertId } = await session.write(
    `INSERT INTO ${names.webhook} (url, description, event_types, task_types, secret, active_since, created_at, created_by)
     VALUES (?, ?, ?, ?, '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), ?)`,
    [url, description, JSON.stringify(event_types), jsonOrNull(task_types), by.slice(0, 128)],
  );
  await session.write(`UPDATE ${names.webhook} SET secret = ? WHERE id = ?`, [secretOf(insertId), insertId]);
  return insertId;
}

/** What is undefined stays. Inside a transaction. @throws DatabaseError */
export async function updateWebhook(
  session: Session,
  names: TableNames,
  id: number,
  { url, description, event_types, task_types, active }: WebhookValues,
): Promise<boolean> {
  if (active === true) await begin(session, names);
  const sets: Array<[sql: string, value?: unknown]> = [];
  if (url !== undefined) sets.push(['url = ?', url]);
  if (description !== undefined) sets.push(['description = ?', description]);
  if (event_types !== undefined) sets.push(['event_types = ?', JSON.stringify(event_types)]);
  if (task_types !== undefined) sets.push(['task_types = ?', jsonOrNull(task_types)]);
  // The time first: it reads the old value of `active`.
  if (active === true) sets.push(['active_since = IF(active = 1, active_since, UTC_TIMESTAMP(3))']);
  if (active !== undefined) sets.push(['active = ?', active ? 1 : 0]);
  const set = ['id = id', ...sets.map(([sql]) => sql)].join(', ');
  const values = sets.flatMap((one) => one.slice(1));
  const { affectedRows } = await session.write(`UPDATE ${names.webhook} SET ${set} WHERE id = ?`, [...values, id]);
  return affectedRows === 1;
}

/** Its deliveries stay, and are not sent, until their history ends. @throws DatabaseError */
export async function deleteWebhook(session: Session, names: TableNames, id: number): Promise<boolean> {
  const { affectedRows } = await session.write(`DELETE FROM ${names.webhook} WHERE id = ?`, [id]);
  return affectedRows === 1;
}

async function begin(session: Session, names: TableNames): Promise<{ all: number }> {
  await lockCursors(session, names);
  const [row] = await session.rows(
    `SELECT COUNT(*) AS n, COALESCE(SUM(active), 0) AS active FROM ${names.webhook} FOR UPDATE`,
  );
  if (Number(row?.active) === 0) await beginCursors(session, names);
  return { all: Number(row?.n) };
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
