// The signing secret of a webhook as its row has it: encrypted like a secret of tasks, and bound to the webhook and the version; or, where no
// key was configured, as it is.
import { open, type SecretIdentity, seal } from './envelope.ts';
import type { FleetKey } from './fleet-key.ts';
import type { Keyring } from './keyring.ts';

export interface SigningIdentity {
  /** Of the webhook. */
  id: number;
  /** Counts its secrets, from 1. */
  version: number;
}

const SEALED = 'sealed';

/** The text for the row. `key`: undefined = it is stored as it is. */
export function storedSigning(key: FleetKey | undefined, identity: SigningIdentity, secret: string): string {
  if (key === undefined) return secret;
  const { key_id, wrapped_key, sealed } = seal(key, identityOf(identity), secret);
  return [SEALED, key_id, wrapped_key.toString('base64'), sealed.toString('base64')].join(':');
}

/** Of the fleet key that opens it; null = it is stored as it is. */
export function signingKeyId(stored: string): string | null {
  return partsOf(stored)?.key_id ?? null;
}

/** Never rejects. `problem`: a sentence without the secret. */
export async function openSigning(
  keyring: Keyring,
  identity: SigningIdentity,
  stored: string,
): Promise<{ secret: string } | { problem: string }> {
  const parts = partsOf(stored);
  if (parts === undefined) return { secret: stored };
  const { id } = identity;
  try {
    const key = await keyring.find(parts.key_id);
    if (key === undefined) {
      const where = 'which this machine does not have: check secrets.key_file';
      return { problem: `The signing secret of webhook ${id} is encrypted with the key ${parts.key_id}, ${where}.` };
    }
    try {
      return { secret: open(key, identityOf(identity), parts) as string };
    } catch {
      const mend = `Give it another: POST /api/v1/webhooks/${id}/secret`;
      return { problem: `The signing secret of webhook ${id} does not open: its row was changed or copied. ${mend}` };
    }
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** No name of a secret has a space. */
function identityOf({ id, version }: SigningIdentity): SecretIdentity {
  return { name: `webhook ${id}`, version };
}

function partsOf(stored: string) {
  const [form, key_id = '', wrapped = '', sealed = ''] = stored.split(':');
  if (form !== SEALED) return undefined;
  return { key_id, wrapped_key: Buffer.from(wrapped, 'base64'), sealed: Buffer.from(sealed, 'base64') };
}
