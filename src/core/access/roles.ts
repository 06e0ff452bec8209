// The roles of API keys and users, for those that may not import the domain.
export {
  ACCESSES,
  type Access,
  mayAccess,
  ROLES,
  type Role,
  rolesWith,
  seesOwnOnly,
  USER_ROLES,
  type UserRole,
} from '../domain/access/role.ts';
