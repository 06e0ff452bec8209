// Invariant: only a secret that exists is granted, and its row is locked meanwhile, so that no grant outlives a DELETE. Index:
// PRIMARY of both tables, the secret's row before its grants. undefined: there is no such secret.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import type { SecretGrant } from './list-secrets.ts';

/** Adds or takes back grants; returns how many there were to take back, or how many were asked for. @throws DatabaseError */
export async function changeGrants(
  session: Session,
  names: TableNames,
  name: string,
  { grants, revoke, by }: { grants: SecretGrant[]; revoke: boolean; by: string },
): Promise<number | undefined> {
  return transaction(session, async () => {
    const rows = await session.rows(
      `SELECT name FROM ${names.secret} FORCE INDEX (PRIMARY) WHERE name = ? FOR UPDATE`,
      [name],
    );
    if (rows.length === 0) return undefined;
    if (!revoke) {
      await session.write(
        `INSERT INTO ${names.secretGrant} (name, task_type, device_id, granted_at, granted_by)
         VALUES ${grants.map(() => '(?, ?, ?, UTC_TIMESTAMP(3), ?)').join(', ')}
         ON DUPLICATE KEY UPDATE name = VALUES(name)`,
        grants.flatMap(({ task_type, device_id }) => [name, task_type, device_id, by]),
      );
      return grants.length;
    }
    const { affectedRows } = await session.write(
      `DELETE FROM ${names.secretGrant} WHERE name = ? AND (task_type, device_id) IN (?)`,
      [name, grants.map(({ task_type, device_id }) => [task_type, device_id])],
    );
    return affectedRows;
  });
}
