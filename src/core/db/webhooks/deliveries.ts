// Invariant: one delivery for each webhook and end of a task or a batch, however often the end is read (afd_source). Whose webhook is gone is not written.
// `tries` is the fence of a try: it counts only if it is the next one of a delivery that is still pending. Zero rows: it is no longer.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface NewDelivery {
  webhook_id: number;
  source: 'attempt' | 'end' | 'batch' | 'test';
  source_id: number | null;
  event_type: string;
  task_id: number | null;
  body: string;
}

export interface Tried {
  id: number;
  /** As read before it was sent. */
  tries: number;
  /** False = it could not even be signed, which is no try. */
  sent: boolean;
  status: 'pending' | 'delivered' | 'failed';
  /** Milliseconds until it is sent again; null unless it is pending. */
  again_in_ms: number | null;
  code: number | null;
  error: string | null;
  ms: number;
}

/** Returns how many are new; `id` of the first of them. Inside a transaction. @throws DatabaseError */
export async function insertDeliveries(
  session: Session,
  names: TableNames,
  deliveries: NewDelivery[],
): Promise<{ written: number; id: number }> {
  if (deliveries.length === 0) return { written: 0, id: 0 };
  const row = 'SELECT ? AS webhook_id, ? AS source, ? AS source_id, ? AS event_type, ? AS task_id, ? AS body';
  const rows = [row, ...deliveries.slice(1).map(() => 'UNION ALL SELECT ?, ?, ?, ?, ?, ?')].join(' ');
  const { affectedRows, insertId } = await session.write(
    `INSERT IGNORE INTO ${names.webhookDelivery}
       (webhook_id, source, source_id, event_type, task_id, body, next_try_at, created_at)
     SELECT n.webhook_id, n.source, n.source_id, n.event_type, n.task_id, n.body, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)
     FROM (${rows}) n JOIN ${names.webhook} w ON w.id = n.webhook_id`,
    deliveries.flatMap((one) => [
      ...[one.webhook_id, one.source, one.source_id, one.event_type, one.task_id, one.body],
    ]),
  );
  return { written: affectedRows, id: insertId };
}

/** Returns how many of them counted. Inside a fenced transaction. @throws DatabaseError */
export async function writeTried(session: Session, names: TableNames, tried: Tried[]): Promise<number> {
  if (tried.length === 0) return 0;
  const results = await session.batch(
    tried.map(({ id, tries, sent, status, again_in_ms, code, error, ms }) => ({
      sql: `UPDATE ${names.webhookDelivery} SET status = ?, tries = tries + ?, last_try_at = UTC_TIMESTAMP(3),
              next_try_at = UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND, last_code = ?, last_error = ?, last_ms = ?
            WHERE id = ? AND status = 'pending' AND tries = ?`,
      values: [status, sent ? 1 : 0, again_in_ms, code, error, ms, id, tries],
    })),
  );
  return results.reduce((sum, one) => sum + Number((one as { affectedRows?: number }).affectedRows ?? 0), 0);
}

/** An operator asks for it: all tries are its again. False: it is pending already, or there is none. @throws DatabaseError */
export async function sendAgain(session: Session, names: TableNames, webhookId: number, id: number): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.webhookDelivery} SET status = 'pending', tries = 0, next_try_at = UTC_TIMESTAMP(3)
     WHERE id = ? AND webhook_id = ? AND status <> 'pending'`,
    [id, webhookId],
  );
  return affectedRows === 1;
}
