// A right that the account lacks, as the GRANT that gives it. The server names what it refused, in a sentence; whose account
// it was, it names by the host that the client came from, which need not be the account's.

import type { Role } from '../domain/database-role.ts';

export interface Who {
  /** CURRENT_USER(), such as `afd@%`; undefined = not asked yet. */
  account: string | undefined;
  schema: string;
  /** The role of `afd db grants` that it needs. */
  role?: Role | undefined;
}

/** What MySQL calls a locking read, which it allows to whom may also change the table. */
const LOCKING = 'SELECT with locking clause';
/** 1142 and 1143: `ALTER command denied to user 'a'@'h' for table 't'`, of MariaDB with the schema before it. */
const COMMAND =
  /^([A-Z][A-Z, ]{0,200}|SELECT with locking clause) command denied to user '([^']{0,255})'@'([^']{0,255})' for (?:column '([^']{1,64})' in )?table (?:`[^`]{1,64}`\.)?[`']([^`']{1,64})[`']/;
/** 1044: nothing in the schema may be touched, or (once connected) a right that is of the whole schema. */
const SCHEMA = /^Access denied for user '([^']{0,255})'@'([^']{0,255})' to database '([^']{1,64})'/;
/** Statements on tables that need not exist yet. */
const OF_SCHEMA = /\b(CREATE|REFERENCES)\b/;

/** The GRANT, then the command that prints all of its role; none where the server's words say nothing of a right. */
export function missingGrant(text: string, who: Who): string[] {
  const command = COMMAND.exec(text);
  if (command !== null) {
    const [, rights = '', user, host, column, table = ''] = command;
    const named = rights === LOCKING ? 'SELECT, UPDATE' : rights;
    const wanted = column === undefined ? named : `${named} (${quoted(column)})`;
    const on = OF_SCHEMA.test(rights) ? '*' : quoted(table);
    const account = accountOf(who.account, user, host);
    return [`GRANT ${wanted} ON ${quoted(who.schema)}.${on} TO ${inQuotes(account)};`, ...printed(who.role, account)];
  }
  const whole = SCHEMA.exec(text);
  if (whole === null) return [];
  const [, user, host, schema = ''] = whole;
  const account = accountOf(who.account, user, host);
  // Before there is a connection the account has no right in the schema at all.
  const all = who.account === undefined ? printed(who.role, account) : [];
  if (all.length > 0) return all;
  const rights = who.account === undefined ? 'SELECT, INSERT, UPDATE, DELETE' : 'LOCK TABLES';
  return [`GRANT ${rights} ON ${quoted(schema)}.* TO ${inQuotes(account)};`];
}

interface Account {
  user: string;
  host: string;
}

function accountOf(account: string | undefined, user = '', host = '%'): Account {
  const at = account?.lastIndexOf('@') ?? -1;
  if (account === undefined || at < 0) return { user, host };
  return { user: account.slice(0, at), host: account.slice(at + 1) };
}

function inQuotes({ user, host }: Account): string {
  return `'${user}'@'${host}'`;
}

/** The command line for this account. */
function printed(role: Role | undefined, { user, host }: Account): string[] {
  if (role === undefined) return [];
  const plain = /^[A-Za-z0-9_.%-]+$/;
  const flags = [
    ...(user !== `afd_${role}` && plain.test(user) ? ['--user', user] : []),
    ...(host !== '%' && plain.test(host) ? ['--host', host] : []),
  ];
  return [['afd db grants --role', role, ...flags].join(' ')];
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
