import type { MadeKey } from '../../../core/secrets/key-file.ts';
import type { GrantedSecret, SecretFacts, SecretGrant, StoredSecret } from '../../../core/secrets/manage-secrets.ts';
import type { RotatedSecrets } from '../../../core/secrets/rotate-secrets.ts';
import { renderTable } from '../table.ts';
import { printable } from '../text.ts';

export function renderSecrets(secrets: SecretFacts[], width: number): string {
  if (secrets.length === 0) return 'There are no secrets. Add one with "afd secrets set NAME".';
  return renderTable(
    [
      { header: 'NAME', id: true, value: (one: SecretFacts) => one.name },
      { header: 'VERSION', align: 'right', value: (one) => one.version },
      { header: 'KEY', optional: true, value: (one) => one.key_id },
      { header: 'CHANGED', optional: true, value: (one) => one.changed_at },
      { header: 'BY', flexible: true, value: (one) => one.changed_by },
      { header: 'GRANTS', wrap: 4, value: (one) => one.grants.map(grantText).join(', ') || 'none' },
    ],
    secrets,
    width,
  );
}

export function renderStored({ name, version, key_id }: StoredSecret): string {
  return `${printable(name)} is stored as version ${version}, encrypted with key ${key_id}.`;
}

export function renderGranted({ name, grants, revoked }: GrantedSecret): string {
  const who = grants.map(grantText).join(', ');
  return revoked ? `${name} is no longer granted to ${printable(who)}.` : `${name} is granted to ${printable(who)}.`;
}

export function renderRotated({ key_id, rotated, webhooks, unused_key_ids }: RotatedSecrets): string {
  const signing =
    webhooks === 0 ? '' : ` So are the signing secrets of webhooks; ${webhooks} had another key, or none.`;
  const done = `Every secret is encrypted with key ${key_id}; ${rotated} had another key.${signing}`;
  if (unused_key_ids.length === 0) return done;
  const old = unused_key_ids.join(', ');
  return `${done}\nNo secret needs ${old} any more: remove its line from the key file of each machine.`;
}

export function renderKey({ file, key_id, old_key_ids }: MadeKey): string {
  const keys = old_key_ids.length === 0 ? `a new key, ${key_id}` : `a new first key, ${key_id}`;
  const next =
    old_key_ids.length === 0
      ? 'Set secrets.key_file to it, and copy it to each machine that opens secrets.'
      : 'Copy it to each machine that opens secrets, then run "afd secrets rotate".';
  return `${printable(file)} has ${keys}. ${next}`;
}

function grantText({ task_type, device_id }: SecretGrant): string {
  const type = task_type === '*' ? 'all task types' : task_type;
  return device_id === '*' ? type : `${type} on ${device_id}`;
}
