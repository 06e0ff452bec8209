// A server on which every global that a session inherits is an unusual one. The tests of `db` run on it as they are: what
// afd does must not depend on any of them. Its accounts are ordinary ones, so init_connect runs for each connection.

import type { Host } from '../../src/core/server/host.ts';
import { findServerProgram, type ServerKind } from '../../src/core/server/server-program.ts';

/** In this order each session gets them before its first statement; what an ordinary account may set, not all is a global. */
const INIT_CONNECT = [
  'SET sql_auto_is_null = 1, unique_checks = 0, foreign_key_checks = 0, div_precision_increment = 0, max_sort_length = 64',
  'SET group_concat_max_len = 4',
];

const MODES = [
  ...['NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES', 'PIPES_AS_CONCAT', 'PAD_CHAR_TO_FULL_LENGTH'],
  ...['HIGH_NOT_PRECEDENCE', 'IGNORE_SPACE', 'NO_UNSIGNED_SUBTRACTION', 'NO_AUTO_VALUE_ON_ZERO'],
];

/** Globals that are set when the server has started; a string is quoted. */
const GLOBALS: Record<string, string | number> = {
  ...{ autocommit: 0, completion_type: 'CHAIN', sql_select_limit: 2, sql_safe_updates: 1, max_join_size: 1 },
  ...{ wait_timeout: 2, interactive_timeout: 31_536_000, innodb_lock_wait_timeout: 1, lock_wait_timeout: 2 },
  ...{ max_allowed_packet: 1_048_576, group_concat_max_len: 4, default_storage_engine: 'MyISAM' },
  init_connect: INIT_CONNECT.join('; '),
};

const OF: Record<ServerKind, { argv: string[]; globals: Record<string, string | number> }> = {
  mariadb: {
    argv: [
      // What a client says of its characters is ignored: without SET NAMES, 'ı' before a quote is an injection.
      '--character-set-client-handshake=OFF',
      '--transaction-isolation=SERIALIZABLE',
      `--sql-mode=${MODES.join(',')}`,
      '--query-cache-type=1',
      '--query-cache-size=1M',
      '--innodb-rollback-on-timeout=ON',
    ],
    // Last: the account that may set a global is bound by it too.
    globals: { check_constraint_checks: 0, max_statement_time: 0.5, tx_read_only: 1 },
  },
  mysql: {
    argv: [`--sql-mode=${MODES.filter((mode) => mode !== 'HIGH_NOT_PRECEDENCE').join(',')}`],
    globals: {
      ...{ transaction_isolation: 'SERIALIZABLE', max_execution_time: 500 },
      ...{ innodb_strict_mode: 0, transaction_read_only: 1 },
    },
  },
};

/** What a session gets there that sets nothing: read by a test, since a leg that is not hostile proves nothing. */
export const MET = { autocommit: 0, sql_select_limit: 2, sql_safe_updates: 1, unique_checks: 0 };

/** What to start it with. Its clock knows daylight saving, as SYSTEM. */
export async function hostileServer(host: Host): Promise<{ host: Host; options: { argv: string[]; setup: string[] } }> {
  const kind = (await findServerProgram(host))?.kind ?? 'mariadb';
  const { argv, globals } = OF[kind];
  const settings = Object.entries({ ...GLOBALS, ...globals });
  return {
    host: { ...host, env: { ...host.env, TZ: 'Europe/Berlin' } },
    options: {
      argv: ['--character-set-server=gbk', '--collation-server=gbk_chinese_ci', '--lower-case-table-names=1', ...argv],
      setup: settings.map(
        ([name, value]) => `SET GLOBAL ${name} = ${typeof value === 'string' ? `'${value}'` : value};`,
      ),
    },
  };
}
