// Reads the secrets that an attempt refers to, and opens those that it may use.
import { readSecrets, type SealedSecret, type SecretUse } from '../db/secrets/read-secrets.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { open } from './envelope.ts';
import type { Keyring } from './keyring.ts';

/** Why an attempt does not get a secret: classes of its error. */
export type SecretProblem = 'secret_missing' | 'secret_not_granted' | 'secret_key' | 'secret_unreadable';

/** `message`: a sentence without a value. */
export type FoundSecret = { name: string; value: unknown } | { name: string; problem: SecretProblem; message: string };

/** One for each name, in their order. @throws DatabaseError */
export async function findSecrets(
  session: Session,
  names: TableNames,
  keyring: Keyring,
  { wanted, use }: { wanted: string[]; use: SecretUse },
): Promise<FoundSecret[]> {
  if (wanted.length === 0) return [];
  const rows = new Map((await readSecrets(session, names, wanted, use)).map((row) => [row.name, row]));
  return Promise.all(
    wanted.map(async (name): Promise<FoundSecret> => {
      const row = rows.get(name);
      if (row === undefined)
        return { name, problem: 'secret_missing', message: `The secret ${name} does not exist: run afd secrets ls.` };
      if (row.granted) return openSecret(row, keyring);
      const { task_type, device_id } = use;
      const message = `Tasks of type ${task_type} may not use the secret ${name} on ${device_id}: run afd secrets grant ${name} --task-type ${task_type}.`;
      return { name, problem: 'secret_not_granted', message };
    }),
  );
}

/** Never rejects. */
export async function openSecret(row: SealedSecret, keyring: Keyring): Promise<FoundSecret> {
  const { name, key_id } = row;
  try {
    const key = await keyring.find(key_id);
    if (key === undefined) {
      const message = `The secret ${name} is encrypted with the key ${key_id}, which this machine does not have: check secrets.key_file.`;
      return { name, problem: 'secret_key', message };
    }
    try {
      return { name, value: open(key, row, row) };
    } catch {
      const message = `The secret ${name} does not open: its row was changed or copied. Run afd secrets set ${name}.`;
      return { name, problem: 'secret_unreadable', message };
    }
  } catch (error) {
    return { name, problem: 'secret_key', message: (error as Error).message };
  }
}
