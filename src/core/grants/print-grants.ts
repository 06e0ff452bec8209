import { noDatabase, type ResolvedConfig } from '../config/load-config.ts';
import { type GrantOptions, type GrantStatement, grantStatements } from '../db/grants/grant-statements.ts';
import { tableNames } from '../db/table-names.ts';
import type { Role } from '../domain/database-role.ts';
import { AfdError } from '../domain/errors.ts';

/** Longest name of an account on MySQL; MariaDB takes 80. */
const LONGEST_USER = 32;
const LONGEST_HOST = 255;

/**
 * The account of one role, for the schema and the tables of this configuration; nothing is connected. Without TLS where the
 * configuration has none: in clear, or to this machine alone. @throws AfdError E_CONFIG, E_USAGE
 */
export function printGrants(
  { config, database }: Pick<ResolvedConfig, 'config' | 'database'>,
  role: Role,
  account: Pick<GrantOptions, 'user' | 'host' | 'dialect'>,
): GrantStatement[] {
  if (database === undefined) throw noDatabase();
  refuse('--user', account.user, LONGEST_USER);
  refuse('--host', account.host, LONGEST_HOST);
  return grantStatements(tableNames(config.tables), role, {
    ...account,
    schema: database.database,
    requireTls: database.tls !== undefined,
    members: database.members !== undefined,
  });
}

function refuse(flag: string, value: string, most: number): void {
  const odd = [...value].some((one) => one < ' ' || one === '\\' || one === '\u007f');
  if (value !== '' && value.length <= most && !odd) return;
  throw new AfdError(
    'E_USAGE',
    `${flag} must have 1 to ${most} characters, none of them a backslash or a control character.`,
    {
      suggestions: ['afd db grants --help'],
    },
  );
}
