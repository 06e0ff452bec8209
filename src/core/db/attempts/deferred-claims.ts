import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { Page } from './orphaned-assignments.ts';

/** A deferred claim as it was read; the transaction that ends or materializes it reads it again under the lock. */
export interface DeferredClaimRef {
  task_id: number;
  claim_token: Buffer;
  device_id: string;
  /** 1 = its device is offline, removed, or runs as another instance: no worker will end it. */
  orphaned: 0 | 1;
}

/** As the leader finds them. */
export type StrayClaimRef = Omit<DeferredClaimRef, 'claim_token'> & {
  /** Null = another program took it away: no worker can end the claim by it. */
  claim_token: Buffer | null;
};

/**
 * Stray claims: their device is offline, removed, or runs as another instance; or their token is gone; or their worker
 * has not materialized them for `afterS` seconds, although it should. A claim without an instance, or without a time of
 * ours, was written by another program: its worker may still hold it, so it counts as not materialized. Non-locking;
 * running tasks by afd_claim, sorted by id (as many as the fleet holds). Zero rows = none.
 */
export async function strayClaims(
  session: Session,
  names: TableNames,
  afterS: number,
  page: Page,
): Promise<StrayClaimRef[]> {
  const orphaned = `d.device_id IS NULL OR d.status = 'offline'
    OR (t.claim_instance IS NOT NULL AND NOT (t.claim_instance <=> d.instance_token))`;
  const age = Math.round(afterS * 1e6);
  return session.rows<StrayClaimRef>(
    `SELECT t.id AS task_id, t.claim_token, t.claimed_by AS device_id, (${orphaned}) AS orphaned
     FROM ${names.task} t FORCE INDEX (afd_claim) LEFT JOIN ${names.device} d ON d.device_id = t.claimed_by
     WHERE ${stateIs('running', 't')} AND t.claimed_by IS NOT NULL AND t.id > ?
       AND (${orphaned} OR t.claim_token IS NULL OR t.claimed_at IS NULL
         OR t.claimed_at < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND
         OR t.claimed_at > UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)
     ORDER BY t.id LIMIT ${page.limit}`,
    [page.after, age, age],
  );
}

/** Deferred claims of one device that another process of it made. Non-locking; running tasks by afd_claim. */
export async function earlierDeferredClaims(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<DeferredClaimRef[]> {
  return session.rows<DeferredClaimRef>(
    `SELECT id AS task_id, claim_token, claimed_by AS device_id, 1 AS orphaned FROM ${names.task} FORCE INDEX (afd_claim)
     WHERE ${stateIs('running')} AND claimed_by = ? AND claim_token IS NOT NULL AND NOT (claim_instance <=> ?)`,
    [deviceId, instanceToken],
  );
}

/** Deferred claims that a device holds, counted now; running tasks by afd_claim. */
export async function countDeferredClaims(session: Session, names: TableNames, deviceId: string): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    `SELECT COUNT(*) AS n FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('running')} AND claimed_by = ?`,
    [deviceId],
  );
  return Number(row?.n ?? 0);
}
