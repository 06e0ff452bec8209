// The roles of API keys, for those that may not import the domain.
export { ACCESSES, type Access, mayAccess, ROLES, type Role, rolesWith } from '../domain/access/role.ts';
