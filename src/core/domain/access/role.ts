// Who may do what over HTTP. An operation has one kind of access, a key has one role; what is not in this table is refused.

export const ROLES = ['viewer', 'operator', 'submitter', 'device', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Of people; what devices do is for keys and certificates. */
export const USER_ROLES = ['viewer', 'operator', 'submitter', 'admin'] as const satisfies readonly Role[];
export type UserRole = (typeof USER_ROLES)[number];

/**
 * `public`: without a key. `self`: see who one is. `read`: see tasks, devices and the fleet. `submit`: add tasks, and wait for them. `operate`: change tasks and
 * devices. `device`: claim tasks, and report them. `admin`: settings, webhooks and keys.
 */
export const ACCESSES = ['public', 'self', 'read', 'submit', 'operate', 'device', 'admin'] as const;
export type Access = (typeof ACCESSES)[number];

const OF_ROLE: Record<Role, readonly Access[]> = {
  viewer: ['self', 'read'],
  operator: ['self', 'read', 'submit', 'operate'],
  submitter: ['self', 'submit'],
  device: ['device'],
  admin: ['self', 'read', 'submit', 'operate', 'admin'],
};

/** Undefined = without a key. */
export function mayAccess(role: Role | undefined, access: Access): boolean {
  return access === 'public' || (role !== undefined && OF_ROLE[role].includes(access));
}

/** In the order of ROLES. */
export function rolesWith(access: Access): Role[] {
  return ROLES.filter((role) => mayAccess(role, access));
}
