// Invariant: reads settings of the server and changes nothing. No table, no index. Names that the server does not know are missing.
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
