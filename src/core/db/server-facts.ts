import type { Connection } from 'mysql2';
import type { Topology } from '../domain/writer/member-answer.ts';
import { DatabaseError } from './database-error.ts';
import type { Row } from './results.ts';
import { assertSettings, SETTINGS_READ, settingsStatement } from './session-settings.ts';

/** What is known of the server behind this connection, read once when it is opened. */
export interface ServerFacts {
  version: string;
  isMariaDb: boolean;
  connectionId: number;
  /** CURRENT_USER(): the account whose rights count here, such as `afd@%`. */
  account: string;
  /** Names the server that holds our session lock: `server_uuid`; of MariaDB, which has none, `hostname:port:server_id`. */
  serverName: string;
  /** Names this connection among those of all servers: two servers count theirs alike. */
  connection: string;
  autoIncrementIncrement: number;
  maxAllowedPacket: number;
  /**
   * A node of Galera without a binary log. It sends rows that a refused statement had written to the other nodes, with the rest of its
   * transaction, also after ROLLBACK TO SAVEPOINT (seen with MariaDB 10.11: more than 8 KB, or a trigger that writes to another table).
   * The nodes differ from then on, until one leaves the cluster as inconsistent. So there a transaction in which a statement for several
   * rows was refused does not go on.
   */
  sendsFailedRows: boolean;
  /** Start of the server in its own UTC clock, `YYYY-MM-DD HH:MM:SS.mmm` (now − Uptime, so exact to a second). */
  startedAt: string;
  /** This end's address of the socket, undefined on a Unix socket. */
  localAddress: string | undefined;
}

/**
 * Share of a call's deadline after which the server ends a statement: early enough that its sender gets the error
 * before it gives up the connection.
 */
const PART_OF_DEADLINE = 0.8;

/** Deadline of each of the first statements, however long later ones may take. */
export const OPENING_MS = 10_000;

interface Statement {
  sql: string;
  values: unknown[];
}

/** What a member is asked besides when it was found to be the writer: a moment later it may be none. */
const ROLE: Record<Topology, Statement[]> = {
  group: [
    {
      sql: `SELECT MEMBER_STATE AS Variable_name, MEMBER_ROLE AS Value FROM performance_schema.replication_group_members
            WHERE MEMBER_ID = @@server_uuid`,
      values: [],
    },
  ],
  galera: [
    {
      sql: "SHOW STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status')",
      values: [],
    },
  ],
  replicas: [],
};

/** One statement on a connection of the migrator, or of what reads for it. */
export type Ask = (sql: string, values?: unknown[]) => Promise<Row[]>;

const SQL_MODE =
  'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ONLY_FULL_GROUP_BY';
/**
 * NOW(3) into a DATETIME without fraction, which adopted task tables have: MySQL would round .6 s up, into the future, so
 * that what is due now is due half a second later. MariaDB cuts by itself, and skips comments of versions 50700 to 99999.
 */
const CUT_FRACTIONS = "/*!80000 , ',TIME_TRUNCATE_FRACTIONAL' */";

/** What `serverNameOf`, `startOf` and `isReadOnly` read. MariaDB skips the comment. */
export const SERVER_COLUMNS = `@@hostname AS host, @@port AS port, @@server_id AS server_id /*!80000 , @@server_uuid AS uuid */,
  @@read_only AS read_only, UTC_TIMESTAMP(3) AS now`;

export function serverNameOf({ uuid, host, port, server_id }: Row): string {
  return uuid === undefined ? `${host}:${port}:${server_id}` : String(uuid);
}

/** Start of the server in its own UTC clock, in milliseconds since 1970; exact to a second. */
export function startOf({ now }: Row, uptimeS: unknown): number {
  return Date.parse(`${String(now).replace(' ', 'T')}Z`) - Number(uptimeS) * 1000;
}

/** A number, or a word of newer servers. */
export function isReadOnly({ read_only }: Row): boolean {
  return !['0', 'OFF'].includes(String(read_only));
}

/** What is sent on a new connection, in this order: its settings, then the questions that `serverFacts` reads. */
export function openingStatements(options: {
  timeZone: string;
  idleTimeoutS: number;
  deadlineMs: number;
  topology?: Topology | undefined;
}): Statement[] {
  const sqlMode = `CONCAT('${SQL_MODE}' ${CUT_FRACTIONS})`;
  return [
    settingsStatement({ ...options, sqlMode, statementLimitMs: PART_OF_DEADLINE * options.deadlineMs }),
    {
      sql: `SELECT VERSION() AS version, CONNECTION_ID() AS id, CURRENT_USER() AS account, ${SERVER_COLUMNS},
              @@auto_increment_increment AS step, @@max_allowed_packet AS packet, @@log_bin AS log_bin${SETTINGS_READ}`,
      values: [],
    },
    // Not GLOBAL, which adds up the counters of all connections first.
    { sql: "SHOW STATUS WHERE Variable_name IN ('Uptime', 'wsrep_ready')", values: [] },
    ...(options.topology === undefined ? [] : ROLE[options.topology]),
  ];
}

/**
 * @throws DatabaseError E_CONFIG when a setting of the session did not stick; E_DATABASE when the server is read-only: afd
 *   needs the primary, which another address may be by now
 */
export function serverFacts(
  answers: Row[][],
  connection: Connection,
  where: string,
  options: { deadlineMs: number; topology?: Topology | undefined; replica?: boolean },
): ServerFacts {
  const [row] = answers[1] ?? [];
  const status = (name: string) => answers[2]?.find((one) => one.Variable_name === name)?.Value;
  const uptime = status('Uptime');
  if (row === undefined || uptime === undefined) {
    throw new DatabaseError('E_DATABASE', `The server at ${where} did not report its version and settings.`, {
      retry: 'connection',
    });
  }
  if (options.replica !== true && isReadOnly(row)) throw notWriter(where, 'is read-only; afd needs the primary server');
  const role = (name: string) => answers[3]?.find((one) => one.Variable_name === name)?.Value;
  if (options.topology === 'group' && role('ONLINE') !== 'PRIMARY')
    throw notWriter(where, 'is not the primary of its group any more');
  if (options.topology === 'galera' && (role('wsrep_ready') !== 'ON' || role('wsrep_cluster_status') !== 'Primary'))
    throw notWriter(where, 'is not a ready node of the Primary component any more');
  assertSettings(row, where, { statementLimitMs: PART_OF_DEADLINE * options.deadlineMs });
  const startedAt = new Date(startOf(row, uptime)).toISOString().replace('T', ' ').replace('Z', '');
  const serverName = serverNameOf(row);
  const stream = (connection as unknown as { stream?: { localAddress?: string } }).stream;
  return {
    version: String(row.version),
    isMariaDb: /mariadb/i.test(String(row.version)),
    connectionId: Number(row.id),
    account: String(row.account),
    serverName,
    connection: `${serverName} ${startedAt} ${row.id}`,
    autoIncrementIncrement: Number(row.step),
    maxAllowedPacket: Number(row.packet),
    sendsFailedRows: status('wsrep_ready') === 'ON' && ['0', 'OFF'].includes(String(row.log_bin)),
    startedAt,
    localAddress: stream?.localAddress?.replace(/^::ffff:/, ''),
  };
}

function notWriter(where: string, how: string): DatabaseError {
  return new DatabaseError('E_DATABASE', `The server at ${where} ${how}.`, { retry: 'connection' });
}
