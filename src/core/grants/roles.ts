// For commands, which may not take values from domain.
export { DIALECTS, type Dialect, ROLES, type Role } from '../domain/database-role.ts';
