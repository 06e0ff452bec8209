// Index: PRIMARY of both tables, in the order of the names. Non-locking; values are not read. Zero rows: there are no secrets.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface SecretGrant {
  /** '*' = every one. */
  task_type: string;
  /** '*' = every one. */
  device_id: string;
}

export interface SecretFacts {
  name: string;
  version: number;
  /** Of the fleet key that opens it. */
  key_id: string;
  created_at: string | null;
  /** When its value was set last. */
  changed_at: string | null;
  changed_by: string;
  grants: SecretGrant[];
}

/** @throws DatabaseError */
export async function listSecrets(session: Session, names: TableNames): Promise<SecretFacts[]> {
  const secrets = await session.rows<Omit<SecretFacts, 'grants'>>(
    `SELECT name, version, key_id, created_at, changed_at, changed_by FROM ${names.secret} ORDER BY name`,
  );
  const grants = await session.rows<SecretGrant & { name: string }>(
    `SELECT name, task_type, device_id FROM ${names.secretGrant} ORDER BY name, task_type, device_id`,
  );
  const byName = new Map<string, SecretGrant[]>(secrets.map(({ name }) => [name, []]));
  for (const { name, ...grant } of grants) byName.get(name)?.push(grant);
  return secrets.map((one) => ({
    ...one,
    created_at: utcToIso(one.created_at),
    changed_at: utcToIso(one.changed_at),
    grants: byName.get(one.name) ?? [],
  }));
}
