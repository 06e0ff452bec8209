// What a replicated database promises by its own settings: which row of the table in docs/explain/what-afd-promises.md it is in, and
// what is set dangerously.

export type PromiseRow = 'group' | 'semi-synchronous' | 'asynchronous' | 'galera';

export interface Promised {
  row: PromiseRow;
  /** For the log. */
  sentence: string;
  /** One sentence each. */
  dangers: string[];
}

export interface PromisedBy {
  /** Variables and status of the server, by their names in lower case; those that it does not know are missing. */
  values: ReadonlyMap<string, string>;
  /** Several hosts are configured. */
  several: boolean;
  /** Seconds that a worker goes on without the database. */
  trustS: number;
  /** The account may write to a server that is read_only. */
  ignoresReadOnly: boolean;
}

/** Seconds in which a group notices that a member is gone, in addition to its expel time-out: 21 s were measured with 5. */
const DETECTION_S = 16;
/** Milliseconds: an hour is as good as without limit. */
const LONG_MS = 3_600_000;
const ABOVE_READ_ONLY =
  'the account may write to a server that is read_only (READ_ONLY ADMIN, CONNECTION_ADMIN or SUPER): what it writes to the former primary after a planned switchover is lost; use an account with the rights that "afd db grants" prints';

/** Undefined = a server alone, as far as it says. */
export function promisedBy({ values, several, trustS, ignoresReadOnly }: PromisedBy): Promised | undefined {
  if (isSet(values.get('group_replication_group_name'))) return ofGroup(values, trustS);
  if (values.get('wsrep_on') === 'ON') {
    const sentence =
      'the database is a Galera cluster: what is acknowledged is on all its nodes, and afd writes by one of them';
    return { row: 'galera', sentence, dangers: [] };
  }
  const which = ['source', 'master'].find((one) => values.get(`rpl_semi_sync_${one}_enabled`) === 'ON');
  const above = when(ignoresReadOnly, ABOVE_READ_ONLY);
  if (which !== undefined) return ofSemiSync(values, which, above);
  if (!several) return undefined;
  return {
    row: 'asynchronous',
    sentence: 'the database is a primary with asynchronous replicas',
    dangers: [
      'the replicas are asynchronous: tasks and results that were acknowledged just before the primary fails can be lost with it',
      ...above,
    ],
  };
}

function ofGroup(values: ReadonlyMap<string, string>, trustS: number): Promised {
  const of = (name: string) => values.get(`group_replication_${name}`) ?? '';
  const consistency = of('consistency');
  const failoverS = DETECTION_S + Number(of('member_expel_timeout'));
  return {
    row: 'group',
    sentence: 'the database is a group: what is acknowledged is on a majority of its members',
    dangers: [
      ...when(
        of('single_primary_mode') === 'OFF',
        'group_replication_single_primary_mode is OFF: afd needs a group with one primary',
      ),
      ...when(
        consistency === 'EVENTUAL',
        'group_replication_consistency is EVENTUAL: a new primary can answer with old rows; set BEFORE_ON_PRIMARY_FAILOVER',
      ),
      ...when(
        consistency.endsWith('AFTER'),
        `group_replication_consistency is ${consistency}: while one member stands still, nothing is written until it is expelled; set BEFORE_ON_PRIMARY_FAILOVER`,
      ),
      ...when(
        of('unreachable_majority_timeout') === '0',
        'group_replication_unreachable_majority_timeout is 0: a primary without a majority holds sessions and their locks for ever; set 10',
      ),
      ...when(
        trustS < failoverS,
        `the group replaces a primary after about ${failoverS} s, but running tasks are stopped after ${trustS} s without the database: set master.heartbeat_timeout higher, or group_replication_member_expel_timeout lower`,
      ),
    ],
  };
}

/** `which`: its word in the names, which depends on the server. */
function ofSemiSync(values: ReadonlyMap<string, string>, which: string, above: string[]): Promised {
  const name = (what: string) => `rpl_semi_sync_${which}_${what}`;
  const timeoutMs = Number(values.get(name('timeout')));
  const after = values.get(name('wait_point')) ?? '';
  return {
    row: 'semi-synchronous',
    sentence: 'the database is a primary with semi-synchronous replicas: what is acknowledged is on two servers',
    dangers: [
      ...when(
        after === 'AFTER_COMMIT',
        `${name('wait_point')} is AFTER_COMMIT: others see what is lost with the primary; set AFTER_SYNC`,
      ),
      ...when(
        timeoutMs < LONG_MS,
        `${name('timeout')} is ${timeoutMs} ms: after that time without a replica, commits are acknowledged that are on one server alone`,
      ),
      ...when(
        values.get(name('status')) === 'OFF',
        `${name('status')} is OFF: no replica confirms now, and commits are acknowledged that are on one server alone`,
      ),
      ...above,
    ],
  };
}

function isSet(name: string | undefined): boolean {
  return name !== undefined && name !== '';
}

function when(condition: boolean, sentence: string): string[] {
  return condition ? [sentence] : [];
}
