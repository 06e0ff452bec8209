// Invariant: a signing secret is replaced only while its row is the one that was read: by a lock for a new secret, by the old text for the
// same one under another key, so that no process that dies or comes late puts an old secret back. Index: PRIMARY; there are at most a
// hundred rows. Zero rows: there is no such webhook, or another process wrote meanwhile.
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface SigningRow {
  id: number;
  /** Of `secret`; that of `former` is one less. */
  version: number;
  /** As it is stored. */
  secret: string;
  /** As it is stored; null = there is none, or its time is over. */
  former: string | null;
}

const FORMER = 'IF(former_until > UTC_TIMESTAMP(3), former_secret, NULL) AS former';

/** @throws DatabaseError */
export async function signingRows(session: Session, names: TableNames): Promise<SigningRow[]> {
  return (await session.rows(`SELECT id, secret_version, secret, ${FORMER} FROM ${names.webhook} ORDER BY id`)).map(of);
}

/** @throws DatabaseError */
export async function signingRow(
  session: Session,
  names: TableNames,
  id: number,
  { lock }: { lock: boolean },
): Promise<SigningRow | undefined> {
  const rows = await session.rows(
    `SELECT id, secret_version, secret, ${FORMER} FROM ${names.webhook} FORCE INDEX (PRIMARY)
     WHERE id = ? ${lock ? 'FOR UPDATE' : ''}`,
    [id],
  );
  return rows.map(of)[0];
}

/** The secret of before signs too, for `hours`. Inside a transaction that has locked the row. @throws DatabaseError */
export async function replaceSigning(
  session: Session,
  names: TableNames,
  { id, version, secret, former }: SigningRow,
  hours: number,
): Promise<void> {
  await session.write(
    `UPDATE ${names.webhook} SET secret = ?, secret_version = ?, former_secret = ?, former_until = UTC_TIMESTAMP(3) + INTERVAL ? HOUR
     WHERE id = ?`,
    [secret, version, former, hours, id],
  );
}

/** A former secret whose time is over is forgotten. False: another process wrote meanwhile. @throws DatabaseError */
export async function resealSigning(
  session: Session,
  names: TableNames,
  before: SigningRow,
  after: Pick<SigningRow, 'secret' | 'former'>,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.webhook} SET secret = ?, former_secret = ? WHERE id = ? AND secret_version = ? AND secret = ?`,
    [after.secret, after.former, before.id, before.version, before.secret],
  );
  return affectedRows === 1;
}

function of({ id, secret_version, secret, former }: Row): SigningRow {
  return { id: Number(id), version: Number(secret_version), secret, former };
}
