import type { Dialect, Role } from '../../domain/database-role.ts';
import type { TableNames } from '../table-names.ts';
import { RIGHTS } from './role.ts';
import type { Columns, TableRights } from './table-rights.ts';

/** In place of a password: no SQL, so that the server refuses what nobody has filled in. */
export const PASSWORD = '<PASSWORD>';

export interface GrantStatement {
  /** What it is for: a sentence. */
  purpose: string;
  /** Ends with a semicolon. */
  sql: string;
}

export interface GrantOptions {
  schema: string;
  user: string;
  /** Of the client, such as `10.0.0.%`. */
  host: string;
  dialect: Dialect;
  /** The server refuses the account without TLS. */
  requireTls: boolean;
  /** Several hosts are configured: it asks for the writer among them. */
  members?: boolean;
}

/** CREATE USER, then one GRANT for each table; for the tables as this version of afd makes them. */
export function grantStatements(names: TableNames, role: Role, options: GrantOptions): GrantStatement[] {
  const account = `${text(options.user)}@${text(options.host)}`;
  const tls = options.requireTls ? ' REQUIRE SSL' : '';
  return [
    {
      purpose: `The account. Replace ${PASSWORD} with a password in quotes; the server refuses the line until then.`,
      sql: `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${PASSWORD}${tls};`,
    },
    ...RIGHTS[role].map((rights) => ({
      purpose: `To ${rights.why}.`,
      sql: `GRANT ${privileges(rights)} ON ${identifier(options.schema)}.${names[rights.table]} TO ${account};`,
    })),
    ...(options.members === true && options.dialect === 'mysql'
      ? [
          {
            purpose: 'To find the writer of a group.',
            sql: `GRANT SELECT ON performance_schema.replication_group_members TO ${account};`,
          },
        ]
      : []),
  ];
}

function privileges({ SELECT, INSERT, UPDATE, REFERENCES, DELETE, partitions }: TableRights): string {
  return [
    ...inColumns('SELECT', SELECT),
    ...inColumns('INSERT', INSERT),
    ...inColumns('UPDATE', UPDATE),
    ...inColumns('REFERENCES', REFERENCES),
    ...(DELETE === true ? ['DELETE'] : []),
    ...(partitions === true ? ['CREATE', 'ALTER', 'DROP'] : []),
  ].join(', ');
}

function inColumns(right: string, columns: Columns | undefined): string[] {
  if (columns === undefined || (columns !== true && columns.length === 0)) return [];
  return [columns === true ? right : `${right} (${columns.join(', ')})`];
}

function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
