// Invariant: one key for all gateways of a fleet, made once by the first that needs it: INSERT keeps a row that is there. No
// node obeys this row, and no list of settings shows it (they read the names that they know). By PRIMARY.
import { AfdError } from '../../domain/errors.ts';
import { fromJson } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { writeSettings } from './write-settings.ts';

const NAME = 'http.signing_key';

/** `fresh`: the key if there is none yet, in hexadecimal. @throws AfdError E_CONFLICT; DatabaseError */
export async function sharedKey(session: Session, names: TableNames, fresh: string): Promise<string> {
  const read = async () => {
    const [row] = await session.rows<{ value: string }>(
      `SELECT LEFT(value, 100) AS value FROM ${names.setting} WHERE name = '${NAME}'`,
    );
    return row === undefined ? undefined : fromJson(row.value);
  };
  let key = await read();
  if (key === undefined) {
    await writeSettings(session, names, new Map([[NAME, fresh]]), { by: 'gateway', existing: 'keep' });
    key = await read();
  }
  if (typeof key === 'string' && /^[0-9a-f]{64}$/.test(key)) return key;
  throw new AfdError(
    'E_CONFLICT',
    `The row "${NAME}" of ${names.plain.setting} is not a key. Delete it: a gateway makes another.`,
    {
      suggestions: ['afd status'],
    },
  );
}
