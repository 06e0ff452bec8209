// Every variable of a session that can change what a statement of afd means, and what it must be. Nothing is left to the
// server's globals or its init_connect: all of them are set in the first statement of a connection and read back in the
// second, since something between may swallow a SET. What does not stick is refused by its name.
//
// Not here, on purpose: what only makes a statement fail (lock_wait_timeout, net_*_timeout, memory, max_allowed_packet: an
// error says so, and it is repeated), what only costs time (optimizer_*, buffers), what counts ids
// (auto_increment_increment, which a cluster changes by itself), and what an account may not set (binlog_format: error 1665
// names it).
import { DatabaseError } from './database-error.ts';
import type { Row } from './results.ts';

export interface SessionSettings {
  timeZone: string;
  sqlMode: string;
  idleTimeoutS: number;
  /** The server ends a statement after this many milliseconds; 0 = never. */
  statementLimitMs: number;
}

interface Setting {
  name: string;
  /** As SQL. */
  value: string | number;
  /** Versions that know it; the comment hides it from the others. MariaDB skips comments of the versions 50700 to 99999. */
  only?: 'MariaDB' | 'MySQL';
}

/** The collation of literals: that of the driver's own handshake, whatever the server takes for the default of utf8mb4. */
const COLLATION = 'utf8mb4_general_ci';
const CHARACTER_SETS = ['character_set_client', 'character_set_connection', 'character_set_results'];

const SETTINGS: Setting[] = [
  // What is acknowledged is there: no transaction that afd did not open, none that COMMIT leaves open, no COMMIT that
  // ends the connection.
  { name: 'autocommit', value: 1 },
  { name: 'completion_type', value: 'NO_CHAIN' },
  // No row is left out, and no statement refused for its shape.
  { name: 'sql_select_limit', value: '18446744073709551615' },
  { name: 'sql_safe_updates', value: 0 },
  { name: 'sql_big_selects', value: 1 },
  // `id IS NULL` means that, also after an INSERT.
  { name: 'sql_auto_is_null', value: 0 },
  // A key of two tasks is found out, and a constraint of the user's holds.
  { name: 'unique_checks', value: 1 },
  { name: 'foreign_key_checks', value: 1 },
  { name: 'check_constraint_checks', value: 1, only: 'MariaDB' },
  // Averages keep their decimals, and long texts their order.
  { name: 'div_precision_increment', value: 4 },
  { name: 'max_sort_length', value: 1024 },
  // A locking read sees what is committed, and a lock is waited for 5 s.
  { name: 'tx_isolation', value: 'READ-COMMITTED', only: 'MariaDB' },
  { name: 'transaction_isolation', value: 'READ-COMMITTED', only: 'MySQL' },
  { name: 'tx_read_only', value: 0, only: 'MariaDB' },
  { name: 'transaction_read_only', value: 0, only: 'MySQL' },
  { name: 'innodb_lock_wait_timeout', value: 5 },
];

/**
 * A client that gives up a call at its deadline ends the connection, and the server does not notice while it reads: the
 * statement goes on while the next one runs. A fleet whose polls have become too slow would fill the server with
 * abandoned polls that slow each other down. So the server's limit is shorter than the deadline, and not that of its
 * globals. MySQL limits reads alone.
 */
function limits(ms: number): Setting[] {
  return [
    { name: 'max_statement_time', value: ms / 1000, only: 'MariaDB' },
    { name: 'max_execution_time', value: Math.ceil(ms), only: 'MySQL' },
  ];
}

/** Sets all of them. `more` = further assignments, comma first. */
export function settingsStatement(session: SessionSettings, more = ''): { sql: string; values: unknown[] } {
  const assignments = [...SETTINGS, ...limits(session.statementLimitMs)].map(({ name, value, only }) =>
    forServer(only, `, ${name} = ${typeof value === 'string' && !/^\d+$/.test(value) ? `'${value}'` : value}`),
  );
  return {
    sql: `SET NAMES utf8mb4 COLLATE ${COLLATION}, time_zone = ?, wait_timeout = ?, sql_mode = ${session.sqlMode}${assignments.join('')}${more}`,
    values: [session.timeZone, Math.max(1, Math.ceil(session.idleTimeoutS))],
  };
}

const columns = [
  ...CHARACTER_SETS.map((name) => ({ name, only: undefined })),
  { name: 'sql_mode', only: undefined },
  ...SETTINGS,
  ...limits(0),
].map(({ name, only }) => forServer(only, `, @@session.${name} AS set_${name}`));

/** Columns for a SELECT that has others before them. */
export const SETTINGS_READ = columns.join('');

/** @throws DatabaseError E_CONFIG for the first that is not what was set */
export function assertSettings(
  row: Row,
  where: string,
  { statementLimitMs }: Pick<SessionSettings, 'statementLimitMs'>,
): void {
  for (const name of CHARACTER_SETS) {
    if (row[`set_${name}`] !== 'utf8mb4') throw refused(name, row[`set_${name}`], 'utf8mb4', where);
  }
  const modes = String(row.set_sql_mode).split(',');
  if (!modes.includes('STRICT_TRANS_TABLES') || modes.some((one) => /NO_BACKSLASH_ESCAPES|ANSI_QUOTES/.test(one))) {
    throw refused('sql_mode', row.set_sql_mode, 'STRICT_TRANS_TABLES', where);
  }
  for (const { name, value } of [...SETTINGS, ...limits(statementLimitMs)]) {
    const read = row[`set_${name}`];
    // Not there = the server does not know it.
    if (read === undefined || String(read) === String(value) || Number(read) === Number(value)) continue;
    throw refused(name, read, value, where);
  }
}

function forServer(only: Setting['only'], sql: string): string {
  if (only === 'MariaDB') return ` /*M!100600 ${sql} */`;
  if (only === 'MySQL') return ` /*!80000 ${sql} */`;
  return sql;
}

function refused(name: string, read: unknown, wanted: string | number, where: string): DatabaseError {
  const message = `The server at ${where} does not allow a session to set ${name}: it is ${JSON.stringify(read)}, but must be ${wanted}.`;
  return new DatabaseError('E_CONFIG', message, {
    retry: 'final',
    suggestions: [
      name.startsWith('character_set_')
        ? 'remove "skip-character-set-client-handshake" from the server configuration, or the proxy between the server and afd'
        : `SET GLOBAL ${name} = ${typeof wanted === 'number' || /^\d+$/.test(wanted) ? wanted : `'${wanted}'`};`,
    ],
  });
}
