import type { Connection } from 'mysql2';
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
  /** `@@hostname:@@server_id`: names the server process that holds our session lock. */
  serverName: string;
  autoIncrementIncrement: number;
  maxAllowedPacket: number;
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

interface Statement {
  sql: string;
  values: unknown[];
}

/** One statement on a connection of the migrator, or of what reads for it. */
export type Ask = (sql: string, values?: unknown[]) => Promise<Row[]>;

const SQL_MODE =
  'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ONLY_FULL_GROUP_BY';
/**
 * NOW(3) into a DATETIME without fraction, which adopted task tables have: MySQL would round .6 s up, into the future, so
 * that what is due now is due half a second later. MariaDB cuts by itself, and skips comments of versions 50700 to 99999.
 */
const CUT_FRACTIONS = "/*!80000 , ',TIME_TRUNCATE_FRACTIONAL' */";

/** What is sent on a new connection, in this order: its settings, then two questions that `serverFacts` reads. */
export function openingStatements(options: {
  timeZone: string;
  idleTimeoutS: number;
  deadlineMs: number;
}): Statement[] {
  const sqlMode = `CONCAT('${SQL_MODE}' ${CUT_FRACTIONS})`;
  return [
    settingsStatement({ ...options, sqlMode, statementLimitMs: PART_OF_DEADLINE * options.deadlineMs }),
    {
      sql: `SELECT VERSION() AS version, CONNECTION_ID() AS id, CURRENT_USER() AS account, @@hostname AS host, @@server_id AS server_id,
              @@auto_increment_increment AS step, @@max_allowed_packet AS packet, @@read_only AS read_only,
              UTC_TIMESTAMP(3) AS now${SETTINGS_READ}`,
      values: [],
    },
    { sql: "SHOW GLOBAL STATUS LIKE 'Uptime'", values: [] },
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
  options: { deadlineMs: number },
): ServerFacts {
  const [row] = answers[1] ?? [];
  const [status] = answers[2] ?? [];
  if (row === undefined || status === undefined) {
    throw new DatabaseError('E_DATABASE', `The server at ${where} did not report its version and settings.`, {
      retry: 'connection',
    });
  }
  if (Number(row.read_only) === 1) {
    const message = `The server at ${where} is read-only; afd needs the primary server.`;
    throw new DatabaseError('E_DATABASE', message, { retry: 'connection' });
  }
  assertSettings(row, where, { statementLimitMs: PART_OF_DEADLINE * options.deadlineMs });
  const now = Date.parse(`${String(row.now).replace(' ', 'T')}Z`);
  const startedAt = new Date(now - Number(status.Value) * 1000).toISOString().replace('T', ' ').replace('Z', '');
  const stream = (connection as unknown as { stream?: { localAddress?: string } }).stream;
  return {
    version: String(row.version),
    isMariaDb: /mariadb/i.test(String(row.version)),
    connectionId: Number(row.id),
    account: String(row.account),
    serverName: `${row.host}:${row.server_id}`,
    autoIncrementIncrement: Number(row.step),
    maxAllowedPacket: Number(row.packet),
    startedAt,
    localAddress: stream?.localAddress?.replace(/^::ffff:/, ''),
  };
}
