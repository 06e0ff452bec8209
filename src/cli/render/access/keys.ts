import type { KeyRow, MadeKey } from '../../../core/access/manage-keys.ts';
import { renderTable } from '../table.ts';
import { printable } from '../text.ts';

export function renderKeys(keys: KeyRow[], width: number): string {
  if (keys.length === 0) return 'There are no API keys. Make one with "afd keys create NAME --role ROLE".';
  return renderTable(
    [
      { header: 'KEY', id: true, value: (one: KeyRow) => one.key_id },
      { header: 'NAME', flexible: true, value: (one) => one.name },
      { header: 'ROLE', value: (one) => one.role },
      { header: 'DEVICE', value: (one) => one.device_id ?? '' },
      { header: 'STATUS', value: statusOf },
      { header: 'EXPIRES', optional: true, value: (one) => one.expires_at },
      { header: 'LAST USED', optional: true, value: (one) => one.last_used_at ?? 'never' },
      { header: 'BY', flexible: true, value: (one) => one.created_by },
    ],
    keys,
    width,
  );
}

export function renderMade({ key }: MadeKey): string {
  return `this is key ${key.key_id} (${printable(key.name)}, ${key.role}), valid until ${key.expires_at}. It is not shown again.`;
}

export function renderRotatedKey(made: MadeKey & { old: KeyRow }): string {
  return `${renderMade(made)} The key ${made.old.key_id} is valid until ${made.old.expires_at}.`;
}

export function renderRevoked({ key_id, name, revoked_at }: KeyRow): string {
  return `The key ${key_id} (${printable(name)}) was revoked at ${revoked_at}: every gateway refuses it within 5 seconds.`;
}

function statusOf({ active, revoked_at }: KeyRow): string {
  return active ? 'active' : revoked_at === null ? 'expired' : 'revoked';
}
