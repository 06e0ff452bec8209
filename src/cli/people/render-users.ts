import type { UserRow } from '../../core/access/manage-users.ts';
import { renderTable } from '../render/table.ts';
import { printable } from '../render/text.ts';

export function renderUsers(users: UserRow[], width: number): string {
  if (users.length === 0) return 'There are no users. Add one with "afd users add NAME --role ROLE".';
  return renderTable(
    [
      { header: 'NAME', id: true, value: (one: UserRow) => one.name },
      { header: 'ROLE', value: (one) => one.role },
      { header: 'STATUS', value: (one) => (one.disabled_at === null ? 'active' : 'disabled') },
      { header: 'LAST LOG-IN', optional: true, value: (one) => one.last_login_at ?? 'never' },
      { header: 'PASSWORD SET', optional: true, value: (one) => one.password_changed_at ?? 'none (OpenID Connect)' },
      { header: 'BY', flexible: true, value: (one) => one.created_by },
    ],
    users,
    width,
  );
}

const ENDED = 'Sessions of before have ended; gateways refuse them within 5 seconds.';

export function renderAdded({ name, role }: UserRow): string {
  return `${printable(name)} is added with the role ${role}.`;
}

export function renderPassword({ name }: UserRow): string {
  return `The password of ${printable(name)} is set. ${ENDED}`;
}

export function renderRole({ name, role }: UserRow): string {
  return `${printable(name)} has the role ${role}. ${ENDED}`;
}

export function renderDisabled({ name, disabled_at }: UserRow): string {
  return `${printable(name)} is disabled since ${disabled_at}. ${ENDED}`;
}

export function renderEnabled({ name }: UserRow): string {
  return `${printable(name)} may sign in.`;
}

export function renderRemoved({ name }: UserRow): string {
  return `${printable(name)} is removed. ${ENDED}`;
}
