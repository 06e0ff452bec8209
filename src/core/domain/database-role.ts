/** What an account of the database is for. */
export const ROLES = ['worker', 'leader', 'gateway', 'producer', 'readonly'] as const;
export type Role = (typeof ROLES)[number];

/** Kinds of server. */
export const DIALECTS = ['mysql', 'mariadb'] as const;
export type Dialect = (typeof DIALECTS)[number];
