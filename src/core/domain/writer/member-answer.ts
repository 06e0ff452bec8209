// What the members of a replicated database say of themselves and of each other when a process asks which of them takes writes.

/** One line of a member's own list of its group (performance_schema.replication_group_members). */
export interface GroupRow {
  /** server_uuid; empty of a member that has not joined. */
  id: string;
  state: string;
  role: string;
}

export interface ServerState {
  /** MySQL: server_uuid. MariaDB: hostname, port and server_id, which clones may share. */
  server: string;
  /** Its start by its own clock, in milliseconds since 1970, exact to a second: tells clones apart. */
  startedMs: number;
  readOnly: boolean;
  /** Its list; empty = it has no Group Replication; `hidden` = the account may not read the list. */
  group: readonly GroupRow[] | 'hidden';
  /** Undefined = it is no node of Galera. `primary`: of the Primary component. `sessions`: of this account, with a schema. */
  galera: { ready: boolean; primary: boolean; sessions: number } | undefined;
}

export type MemberAnswer =
  /** Not yet. */
  | { member: string; kind: 'asked' }
  | { member: string; kind: 'silent'; why: string }
  | { member: string; kind: 'answered'; state: ServerState };

/** `replicas`: a primary with replicas, told apart by read_only alone. */
export type Topology = 'group' | 'galera' | 'replicas';

/** A start that is exact to a second, read twice. */
const START_TOLERANCE_MS = 2000;

/** Two addresses may lead to one server. */
export function isSameServer(
  one: Pick<ServerState, 'server' | 'startedMs'>,
  other: Pick<ServerState, 'server' | 'startedMs'>,
): boolean {
  return one.server === other.server && Math.abs(one.startedMs - other.startedMs) <= START_TOLERANCE_MS;
}
