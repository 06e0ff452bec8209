// For those that may not import the domain.
export { AUDIT_ACTIONS } from '../domain/audit/audit-row.ts';
