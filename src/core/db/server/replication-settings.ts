// Invariant: reads settings of the server and rights of the account, and changes nothing. No table, no index. Names that the server does not know are missing.
import type { Row, Session } from '../session.ts';

const GROUP = [
  'group_name',
  'single_primary_mode',
  'consistency',
  'member_expel_timeout',
  'unreachable_majority_timeout',
];
const SEMI_SYNC = ['enabled', 'wait_point', 'timeout', 'status'];
const NAMES = [
  'wsrep_on',
  ...GROUP.map((name) => `group_replication_${name}`),
  ...['source', 'master'].flatMap((which) => SEMI_SYNC.map((name) => `rpl_semi_sync_${which}_${name}`)),
];

/** By their names in lower case. @throws DatabaseError */
export async function readReplicationSettings(session: Session): Promise<Map<string, string>> {
  const found: Row[] = [];
  for (const kind of ['VARIABLES', 'STATUS'])
    found.push(...(await session.rows(`SHOW GLOBAL ${kind} WHERE Variable_name IN (?)`, [NAMES])));
  return new Map(found.map((row) => [String(row.Variable_name).toLowerCase(), String(row.Value)]));
}

/** What lets an account write to a server that is read_only: of MariaDB, of MySQL, and of older servers. */
const ABOVE_READ_ONLY = ['ALL PRIVILEGES', 'SUPER', 'READ_ONLY ADMIN', 'CONNECTION_ADMIN'];
const OF_THE_SERVER = ' ON *.* TO ';

/** Whether this account may write to a server that is read_only, by its own rights; those of its roles are not seen. @throws DatabaseError */
export async function ignoresReadOnly(session: Session): Promise<boolean> {
  const grants = await session.rows('SHOW GRANTS');
  return grants.some((row) => isAboveReadOnly(String(Object.values(row)[0])));
}

/** `grant`: a line of SHOW GRANTS. */
export function isAboveReadOnly(grant: string): boolean {
  const end = grant.indexOf(OF_THE_SERVER);
  const rights = grant.slice('GRANT '.length, Math.max(0, end)).split(',');
  return rights.some((right) => ABOVE_READ_ONLY.includes(right.trim()));
}
