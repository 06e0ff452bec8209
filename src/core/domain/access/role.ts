// Who may do what over HTTP. An operation has one kind of access, a key has one role; what is not in this table is refused.

export const ROLES = ['viewer', 'operator', 'submitter', 'device', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Of people; what devices do is for keys and certificates. */
export const USER_ROLES = ['viewer', 'operator', 'submitter', 'admin'] as const satisfies readonly Role[];
export type UserRole = (typeof USER_ROLES)[number];

/**
 * `public`: without a key. `self`: see who one is; change one's own password, end one's own sessions. `read`: see devices and the fleet. `submit`: add tasks and batches, wait for them and
 * cancel them. `follow`: see tasks and batches. `operate`: change tasks and devices. `device`: claim tasks, and report them. `admin`:
 * settings, webhooks, keys and users.
 */
export const ACCESSES = ['public', 'self', 'read', 'submit', 'follow', 'operate', 'device', 'admin'] as const;
export type Access = (typeof ACCESSES)[number];

const OF_ROLE: Record<Role, readonly Access[]> = {
  viewer: ['self', 'read', 'follow'],
  operator: ['self', 'read', 'submit', 'follow', 'operate'],
  submitter: ['self', 'submit', 'follow'],
  device: ['device'],
  admin: ['self', 'read', 'submit', 'follow', 'operate', 'admin'],
};

/** Undefined = without a key. */
export function mayAccess(role: Role | undefined, access: Access): boolean {
  return access === 'public' || (role !== undefined && OF_ROLE[role].includes(access));
}

/** Of tasks and batches, this role sees and changes those that it has added itself. */
export function seesOwnOnly(role: Role): boolean {
  return role === 'submitter';
}

/** In the order of ROLES. */
export function rolesWith(access: Access): Role[] {
  return ROLES.filter((role) => mayAccess(role, access));
}
