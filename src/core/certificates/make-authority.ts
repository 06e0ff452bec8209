// The authority of device certificates. The database never has its key.
import { AfdError } from '../domain/errors.ts';
import { wallMilliseconds } from '../runtime/clock.ts';
import { readIfThere, writeWhole } from './whole-files.ts';
import { newAuthority } from './x509.ts';

export interface MadeAuthority {
  /** Absolute paths. */
  client_ca: string;
  client_ca_key: string;
}

/** `name`: absolute path of the files, without `.pem` and `.key`. @throws AfdError E_CONFLICT: one of them exists; E_FAILED */
export async function makeAuthority(name: string): Promise<MadeAuthority> {
  const [cert, key] = [`${name}.pem`, `${name}.key`];
  for (const path of [cert, key]) {
    if ((await readIfThere(path)) === undefined) continue;
    throw new AfdError(
      'E_CONFLICT',
      `${path} exists and is not replaced: devices have certificates of its authority.`,
      {
        suggestions: ['afd devices ca --help'],
      },
    );
  }
  const made = await newAuthority(wallMilliseconds());
  await writeWhole(key, made.key, 'secret');
  await writeWhole(cert, made.cert, 'public');
  return { client_ca: cert, client_ca_key: key };
}
