// Deliveries that are due, by afd_due, and those that a list shows, by idx_webhook_id or afd_due. Without a lock. Zero rows: none.
import type { Delivery, DeliveryStatus } from '../../domain/webhook.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DueDelivery {
  id: number;
  webhook_id: number;
  tries: number;
  body: string;
}

/** Of each webhook its own number, so that one that is behind keeps no other waiting. `now`: seconds since 1970. @throws DatabaseError */
export async function dueDeliveries(
  session: Session,
  names: TableNames,
  asked: Array<{ webhook_id: number; limit: number }>,
): Promise<{ now: number; due: DueDelivery[] }> {
  const one = `(SELECT id, webhook_id, tries, body FROM ${names.webhookDelivery} FORCE INDEX (afd_due)
    WHERE webhook_id = ? AND status = 'pending' AND next_try_at <= UTC_TIMESTAMP(3) ORDER BY next_try_at LIMIT ?)`;
  const [time, rows] = await session.batch([
    { sql: `SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', UTC_TIMESTAMP()) AS now` },
    {
      sql: asked.map(() => one).join(' UNION ALL '),
      values: asked.flatMap(({ webhook_id, limit }) => [webhook_id, limit]),
    },
  ]);
  return { now: Number((time as Row[])[0]?.now), due: rows as Row[] as DueDelivery[] };
}

/** Newest first. @throws DatabaseError */
export async function listDeliveries(
  session: Session,
  names: TableNames,
  { webhookId, status, before, limit }: { webhookId: number; status?: DeliveryStatus; before: number; limit: number },
): Promise<Delivery[]> {
  const some =
    status === undefined ? 'TRUE' : `status = ? AND next_try_at IS ${status === 'pending' ? 'NOT NULL' : 'NULL'}`;
  const rows = await session.rows(
    `SELECT ${COLUMNS} FROM ${names.webhookDelivery} FORCE INDEX (${status === undefined ? 'idx_webhook_id' : 'afd_due'})
     WHERE webhook_id = ? AND ${some} AND id < ? ORDER BY id DESC LIMIT ?`,
    [webhookId, ...(status === undefined ? [] : [status]), before, limit],
  );
  return rows.map(delivery);
}

/** With what is sent. @throws DatabaseError */
export async function readDelivery(
  session: Session,
  names: TableNames,
  webhookId: number,
  id: number,
): Promise<(Delivery & { body: string }) | undefined> {
  const [row] = await session.rows(
    `SELECT ${COLUMNS}, body FROM ${names.webhookDelivery} WHERE id = ? AND webhook_id = ?`,
    [id, webhookId],
  );
  return row === undefined ? undefined : { ...delivery(row), body: row.body };
}

const COLUMNS =
  "id, event_type, task_id, IF(source = 'batch', source_id, NULL) AS batch_id, status, tries, next_try_at, last_try_at, last_code, last_error, last_ms, created_at";

function delivery(row: Row): Delivery {
  const { id, event_type, task_id, batch_id, status, tries, last_code, last_error, last_ms } = row;
  const times = { next_try_at: utcToIso(row.next_try_at), last_try_at: utcToIso(row.last_try_at) };
  return {
    id,
    event_type,
    task_id,
    batch_id,
    status,
    tries,
    ...times,
    last_code,
    last_error,
    last_ms,
    created_at: utcToIso(row.created_at)!,
  };
}
