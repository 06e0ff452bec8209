import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../../src/core/context/context.ts';
import { newKey } from '../../src/core/secrets/fleet-key.ts';
import { grantSecret, setSecret } from '../../src/core/secrets/manage-secrets.ts';
import { folder } from '../unit/core/config/config-folder.ts';
import { actor } from './actor.ts';
import { withOneSession } from './node.ts';

/** A key file with a new key, and what the configuration says of it. */
export function keyFile(): { key_id: string; secrets: { key_file: string } } {
  const file = join(folder({}), 'fleet.key');
  const { id, line } = newKey();
  writeFileSync(file, `${line}\n`, { mode: 0o600 });
  return { key_id: id, secrets: { key_file: file } };
}

/** Stores secrets, each granted to these task types. */
export async function storeSecrets(context: Context, values: Record<string, unknown>, task_types: string[] = []) {
  const same = await withOneSession(context);
  for (const [name, value] of Object.entries(values)) {
    await setSecret(same, { name, value: async () => value, by: actor() });
    const grant = { name, task_types, device_ids: [], revoke: false, by: actor() };
    if (task_types.length > 0) await grantSecret(same, grant);
  }
}
