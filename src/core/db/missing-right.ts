// A right that the account lacks, as the GRANT that gives it. The server names what it refused, in a sentence; whose account
// it was, it names by the host that the client came from, which need not be the account's.

export interface Who {
  /** CURRENT_USER(), such as `afd@%`; undefined = not asked yet. */
  account: string | undefined;
  schema: string;
}

/** 1142 and 1143: `ALTER command denied to user 'a'@'h' for table 't'`, of MariaDB with the schema before it. */
const COMMAND =
  /^([A-Z][A-Z, ]{0,200}) command denied to user '([^']{0,255})'@'([^']{0,255})' for (?:column '([^']{1,64})' in )?table (?:`[^`]{1,64}`\.)?[`']([^`']{1,64})[`']/;
/** 1044: nothing in the schema may be touched, or (once connected) a right that is of the whole schema. */
const SCHEMA = /^Access denied for user '([^']{0,255})'@'([^']{0,255})' to database '([^']{1,64})'/;
/** Statements on tables that need not exist yet. */
const OF_SCHEMA = /\b(CREATE|REFERENCES)\b/;

/** Undefined where the server's words say nothing of a right. */
export function missingGrant(text: string, who: Who): string | undefined {
  const command = COMMAND.exec(text);
  if (command !== null) {
    const [, rights = '', user, host, column, table = ''] = command;
    const wanted = column === undefined ? rights : `${rights} (${quoted(column)})`;
    const on = OF_SCHEMA.test(rights) ? '*' : quoted(table);
    return `GRANT ${wanted} ON ${quoted(who.schema)}.${on} TO ${accountOf(who.account, user, host)};`;
  }
  const whole = SCHEMA.exec(text);
  if (whole === null) return undefined;
  const [, user, host, schema = ''] = whole;
  const rights = who.account === undefined ? 'SELECT, INSERT, UPDATE, DELETE' : 'LOCK TABLES';
  return `GRANT ${rights} ON ${quoted(schema)}.* TO ${accountOf(who.account, user, host)};`;
}

function accountOf(account: string | undefined, user = '', host = '%'): string {
  const at = account?.lastIndexOf('@') ?? -1;
  if (account === undefined || at < 0) return `'${user}'@'${host}'`;
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
