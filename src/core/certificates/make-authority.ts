// The authority of device certificates. The database never has its key.
import { rm } from 'node:fs/promises';
import { AfdError } from '../domain/errors.ts';
import { wallMilliseconds } from '../runtime/clock.ts';
import { readIfThere, writeNew } from './whole-files.ts';
import { newAuthority } from './x509.ts';

export interface MadeAuthority {
  /** Absolute paths. */
  client_ca: string;
  client_ca_key: string;
}

/** `name`: absolute path of the files, without `.pem` and `.key`. @throws AfdError E_CONFLICT: one of them exists; E_FAILED */
export async function makeAuthority(name: string): Promise<MadeAuthority> {
  const [cert, key] = [`${name}.pem`, `${name}.key`];
  const [hasCert, hasKey] = [await isThere(cert), await isThere(key)];
  if (hasKey && !hasCert)
    throw refused(
      `${key} exists without ${cert}: the command that made it was interrupted, or somebody has removed the certificate. If no device has a certificate of this authority, remove ${key} and run the command again.`,
    );
  if (hasCert || hasKey)
    throw refused(`${hasCert ? cert : key} exists and is not replaced: devices have certificates of its authority.`);
  const made = await newAuthority(wallMilliseconds());
  await writeNew(key, made.key, 'secret');
  try {
    await writeNew(cert, made.cert, 'public');
  } catch (error) {
    // One without the other is of no use, and would be in the way of the next try.
    await rm(key, { force: true });
    throw error;
  }
  return { client_ca: cert, client_ca_key: key };
}

async function isThere(path: string): Promise<boolean> {
  return (await readIfThere(path)) !== undefined;
}

function refused(message: string): AfdError {
  return new AfdError('E_CONFLICT', message, { suggestions: ['afd devices ca --help'] });
}
