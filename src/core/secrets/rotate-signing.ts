// Encrypts the signing secrets of webhooks again with the newest key, and those that were stored as they are for the first time: each by one
// fenced statement, as `rotate-secrets.ts` does with secrets of tasks.
import { audited } from '../audit/audited.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { resealSigning, type SigningRow, signingRows } from '../db/webhooks/signing-rows.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import type { FleetKey } from './fleet-key.ts';
import type { Keyring } from './keyring.ts';
import { openSigning, signingKeyId, storedSigning } from './signing-secret.ts';

export interface RotatedSigning {
  /** Webhooks that were written. */
  rotated: number;
  /** Ids of the keys that they had. */
  old: Set<string>;
  /** Why some were not, by what they are called. */
  failed: Map<string, string>;
}

interface Rotation {
  session: Session;
  names: TableNames;
  keyring: Keyring;
  newest: FleetKey;
  by: Actor;
}

/** @throws DatabaseError */
export async function rotateSigning(rotation: Rotation, onStep: (name: string) => void): Promise<RotatedSigning> {
  const { session, names, newest, by } = rotation;
  const done: RotatedSigning = { rotated: 0, old: new Set(), failed: new Map() };
  for (let left = true; left; ) {
    left = false;
    for (const row of await signingRows(session, names)) {
      const name = `webhook ${row.id}`;
      const keys = [row.secret, row.former].map((one) => (one === null ? newest.id : signingKeyId(one)));
      if (done.failed.has(name) || keys.every((id) => id === newest.id)) continue;
      const next = await resealed(row, rotation);
      if ('problem' in next) {
        done.failed.set(name, next.problem);
        continue;
      }
      const reseal = () => resealSigning(session, names, row, next);
      if (await audited({ session, names }, by, reseal, entryOf(row, newest.id))) {
        done.rotated += 1;
        for (const id of keys) if (id !== null && id !== newest.id) done.old.add(id);
        onStep(name);
      } else left = true; // It got another secret meanwhile, perhaps by a gateway that does not have the newest key yet.
    }
  }
  return done;
}

async function resealed(
  row: SigningRow,
  { keyring, newest }: Rotation,
): Promise<Pick<SigningRow, 'secret' | 'former'> | { problem: string }> {
  const { id, version } = row;
  const again = async (stored: string, identity: { id: number; version: number }) => {
    const opened = await openSigning(keyring, identity, stored);
    return 'problem' in opened ? opened : { text: storedSigning(newest, identity, opened.secret) };
  };
  const secret = await again(row.secret, { id, version });
  if ('problem' in secret) return secret;
  if (row.former === null) return { secret: secret.text, former: null };
  const former = await again(row.former, { id, version: version - 1 });
  return 'problem' in former ? former : { secret: secret.text, former: former.text };
}

function entryOf(row: SigningRow, key_id: string): (done: boolean) => AuditEntry | undefined {
  const change = { before: { key_id: signingKeyId(row.secret) }, after: { key_id } };
  return (done) =>
    done ? { action: 'secrets.rotate', object_type: 'webhook', object_id: String(row.id), ...change } : undefined;
}
