// The webhooks, by PRIMARY, without a lock: there are at most a hundred. Zero rows: none, or no such.
import type { EventType, Webhook } from '../../domain/webhook.ts';
import { fromJson, utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What the leader needs of an active one. */
export interface ActiveWebhook extends Pick<Webhook, 'id' | 'url' | 'event_types' | 'task_types'> {
  /** What signs its deliveries, the newest first, as it is stored. */
  secrets: Array<{ version: number; stored: string }>;
  /** As the server spells it, UTC. */
  active_since: string;
}

/** In the order in which they were added. @throws DatabaseError */
export async function listWebhooks(session: Session, names: TableNames): Promise<Webhook[]> {
  return (await session.rows(`${columns(names)} ORDER BY id`)).map(webhook);
}

/** @throws DatabaseError */
export async function readWebhook(session: Session, names: TableNames, id: number): Promise<Webhook | undefined> {
  return (await session.rows(`${columns(names)} WHERE id = ?`, [id])).map(webhook)[0];
}

/** @throws DatabaseError */
export async function activeWebhooks(session: Session, names: TableNames): Promise<ActiveWebhook[]> {
  const rows = await session.rows(
    `SELECT id, url, event_types, task_types, active_since, secret, secret_version,
       IF(former_until > UTC_TIMESTAMP(3), former_secret, NULL) AS former_secret
     FROM ${names.webhook} WHERE active = 1 ORDER BY id`,
  );
  return rows.map((row) => ({
    ...{ id: Number(row.id), url: row.url, active_since: row.active_since },
    ...filterOf(row),
    secrets: [row.secret, row.former_secret].flatMap((stored: string | null, n) =>
      stored === null ? [] : [{ version: Number(row.secret_version) - n, stored }],
    ),
  }));
}

function columns(names: TableNames): string {
  return `SELECT id, url, description, event_types, task_types, active, created_at, created_by, IF(secret LIKE 'sealed:%', SUBSTRING(secret, 8, 16), NULL) AS secret_key_id,
            IF(former_until > UTC_TIMESTAMP(3), former_until, NULL) AS former_until FROM ${names.webhook}`;
}

function webhook(row: Row): Webhook {
  return {
    id: Number(row.id),
    url: row.url,
    description: row.description,
    ...filterOf(row),
    active: Number(row.active) === 1,
    secret_key_id: row.secret_key_id,
    former_secret_until: utcToIso(row.former_until),
    created_at: utcToIso(row.created_at)!,
    created_by: row.created_by,
  };
}

function filterOf(row: Row): Pick<Webhook, 'event_types' | 'task_types'> {
  return {
    event_types: fromJson(row.event_types) as EventType[],
    task_types: fromJson(row.task_types) as string[] | null,
  };
}
