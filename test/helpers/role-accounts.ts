// Accounts by the statements that `afd db grants` prints, for one schema. With AFD_TEST_ROLES=1 the nodes of tests use them.
import { createHash } from 'node:crypto';
import { grantStatements, PASSWORD } from '../../src/core/db/grants/grant-statements.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { ROLES, type Role } from '../../src/core/domain/database-role.ts';

/** `node`: a worker that may lead; `master`: a leader with a gateway in one process. */
export type AccountName = Role | 'node' | 'master';
/** Names of accounts of the server, each with ROLE_PASSWORD. */
export type RoleAccounts = Record<AccountName, string>;

const ROLES_OF: Record<AccountName, Role[]> = {
  ...(Object.fromEntries(ROLES.map((role) => [role, [role]])) as Record<Role, Role[]>),
  node: ['worker', 'leader'],
  master: ['leader', 'gateway'],
};
export const ROLE_PASSWORD = 'role-password';

/** The statements of an account as somebody runs them who has filled in a password. */
export function filledIn(statements: Array<{ sql: string }>): string[] {
  return statements.map(({ sql }) => sql.replace(PASSWORD, `'${ROLE_PASSWORD}'`).replace(/;$/, ''));
}

/** Makes the accounts for this schema, which is migrated. `admin` may create accounts. */
export async function roleAccounts(admin: Session, schema: string, names: TableNames): Promise<RoleAccounts> {
  const dialect = admin.facts.isMariaDb ? 'mariadb' : 'mysql';
  // Names of accounts are of the whole server.
  const place = createHash('sha256').update(`${schema}|${names.prefix}|${names.plain.task}`).digest('hex').slice(0, 12);
  const accounts: Partial<RoleAccounts> = {};
  for (const [name, roles] of Object.entries(ROLES_OF) as Array<[AccountName, Role[]]>) {
    const user = `afd_${place}_${name}`;
    for (const role of roles) {
      const options = { schema, user, host: '%', dialect, requireTls: false } as const;
      for (const sql of filledIn(grantStatements(names, role, options))) await admin.write(sql);
    }
    accounts[name] = user;
  }
  return accounts as RoleAccounts;
}

/** The same place by another account. */
export function urlAs(url: string, user: string): string {
  const other = new URL(url);
  other.username = user;
  other.password = ROLE_PASSWORD;
  return other.href;
}
