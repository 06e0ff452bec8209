// Walks every error that the two servers know (test/fixtures/server-errors, made by scripts/server-errors.mjs). What decides
// is either the class of the SQLSTATE, or a place in the table below; whatever has neither may pass, and is never final.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  DatabaseError,
  databaseError,
  isConnectionLost,
  isOutcomeUnknown,
  isTransient,
} from '../../../../src/core/db/database-error.ts';
import { type ErrorKind, kindOf } from '../../../../src/core/db/error-kinds.ts';

interface ServerError {
  number: number;
  name: string;
  state: string;
}

const listOf = (server: string): ServerError[] =>
  readFileSync(new URL(`../../../fixtures/server-errors/${server}.txt`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [number, name, state = 'HY000'] = line.split(' ');
      return { number: Number(number), name: name!, state };
    });
const LISTS = { mariadb: listOf('mariadb'), mysql: listOf('mysql') };
const ALL = [...LISTS.mariadb, ...LISTS.mysql];

/** By class of SQLSTATE; HY, 01, 02, 25, 70, SR and SU say nothing. */
const CLASSES: Record<string, ErrorKind> = {
  '08': 'gone',
  '28': 'rights',
  ...Object.fromEntries(['22', '23', '44', '45'].map((one) => [one, 'data' as const])),
  ...Object.fromEntries(['40', 'XA'].map((one) => [one, 'lock' as const])),
  ...Object.fromEntries(
    ['0A', '0K', '0Z', '20', '21', '24', '2F', '35', '3D', '42'].map((one) => [one, 'statement' as const]),
  ),
};

/** By name, without ER_, where the class says nothing or not enough. */
const NAMED: Partial<Record<ErrorKind, string>> = {
  lock: `CHECKREAD LOCK_WAIT_TIMEOUT CANT_UPDATE_WITH_READLOCK LOCK_ABORTED USER_LOCK_DEADLOCK LOCK_NOWAIT`,
  'broken-off': `FILSORT_ABORT QUERY_INTERRUPTED TABLE_DEF_CHANGED STATEMENT_TIMEOUT QUERY_TIMEOUT`,
  full: `DISK_FULL ERROR_ON_WRITE GET_ERRNO OUTOFMEMORY OUT_OF_SORTMEMORY OUT_OF_RESOURCES RECORD_FILE_FULL TRANS_CACHE_FULL
    LOCK_TABLE_FULL AUTOINC_READ_FAILED BINLOG_ROW_LOGGING_FAILED TOO_MANY_CONCURRENT_TRXS MDL_OUT_OF_RESOURCES`,
  gone: `OPEN_AS_READONLY SHUTDOWN_COMPLETE ERROR_DURING_COMMIT ERROR_DURING_ROLLBACK WARNING_NOT_COMPLETE_ROLLBACK
    OPTION_PREVENTS_STATEMENT BINLOG_LOGGING_IMPOSSIBLE CANT_EXECUTE_IN_READ_ONLY_TRANSACTION READ_ONLY_MODE
    INNODB_READ_ONLY CONNECTION_KILLED SERVER_OFFLINE_MODE INNODB_FORCED_RECOVERY RUN_HOOK_ERROR SERVER_ISNT_AVAILABLE
    SESSION_WAS_KILLED GRP_TRX_CONSISTENCY_NOT_ALLOWED GRP_TRX_CONSISTENCY_BEFORE
    GRP_TRX_CONSISTENCY_AFTER_ON_TRX_BEGIN SCHEMA_READ_ONLY CLIENT_INTERACTION_TIMEOUT DA_GLOBAL_CONN_LIMIT
    DA_CONN_LIMIT`,
  refused: `CON_COUNT_ERROR HOST_IS_BLOCKED CANT_CREATE_THREAD TOO_MANY_USER_CONNECTIONS USER_LIMIT_REACHED`,
  rights: `DBACCESS_DENIED_ERROR HOST_NOT_PRIVILEGED NONEXISTING_GRANT TABLEACCESS_DENIED_ERROR COLUMNACCESS_DENIED_ERROR
    NONEXISTING_TABLE_GRANT SPECIFIC_ACCESS_DENIED_ERROR NOT_SUPPORTED_AUTH_MODE SERVER_IS_IN_SECURE_AUTH_MODE
    PROCACCESS_DENIED_ERROR CANT_CREATE_USER_WITH_GRANT PLUGIN_IS_NOT_LOADED MUST_CHANGE_PASSWORD
    MUST_CHANGE_PASSWORD_LOGIN KILL_QUERY_DENIED_ERROR USER_IS_BLOCKED ACCOUNT_HAS_BEEN_LOCKED
    SECURE_TRANSPORT_REQUIRED DB_ACCESS_DENIED USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK`,
  'no-database': `BAD_DB_ERROR`,
  schema: `BAD_FIELD_ERROR NO_SUCH_TABLE KEY_DOES_NOT_EXISTS KEY_DOES_NOT_EXITS NO_SUCH_TABLE_IN_ENGINE`,
  data: `TOO_BIG_ROWSIZE NET_PACKET_TOO_LARGE TOO_LONG_STRING SUBQUERY_NO_1_ROW WARN_TOO_FEW_RECORDS WARN_TOO_MANY_RECORDS
    WARN_DATA_TRUNCATED INVALID_CHARACTER_STRING WARN_ALLOWED_PACKET_OVERFLOWED NO_DEFAULT_FOR_FIELD WRONG_VALUE_FOR_TYPE
    WRONG_STRING_LENGTH NO_PARTITION_FOR_GIVEN_VALUE SIGNAL_WARN SIGNAL_NOT_FOUND SIGNAL_EXCEPTION
    ROW_DOES_NOT_MATCH_GIVEN_PARTITION_SET CANNOT_CONVERT_CHARACTER TRUNCATED_WRONG_VALUE_FOR_FIELD VIEW_CHECK_FAILED
    NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN INVALID_JSON_BINARY_DATA CHECK_CONSTRAINT_VIOLATED CANNOT_CONVERT_STRING
    IMPOSSIBLE_STRING_CONVERSION`,
  statement: `CHECK_NOT_IMPLEMENTED UPDATE_TABLE_USED WRONG_ARGUMENTS CANNOT_ADD_FOREIGN WRONG_USAGE LOCAL_VARIABLE
    GLOBAL_VARIABLE INCORRECT_GLOBAL_LOCAL_VAR UNKNOWN_COLLATION NON_UPDATABLE_TABLE VIEW_INVALID VIEW_MULTIUPDATE
    VIEW_NO_INSERT_FIELD_LIST VIEW_DELETE_MERGE_VIEW BINLOG_UNSAFE_ROUTINE BINLOG_CREATE_ROUTINE_NEED_SUPER
    CANT_UPDATE_USED_TABLE_IN_SF_OR_TRG VIEW_PREVENT_UPDATE NO_SUCH_USER NON_INSERTABLE_TABLE`,
  setting: `UNKNOWN_SYSTEM_VARIABLE UNKNOWN_TIME_ZONE BINLOG_STMT_MODE_AND_ROW_ENGINE GTID_UNSAFE_NON_TRANSACTIONAL_TABLE
    GTID_UNSAFE_CREATE_SELECT GTID_UNSAFE_CREATE_DROP_TEMPORARY_TABLE_IN_TRANSACTION BEFORE_DML_VALIDATION_ERROR
    TABLE_WITHOUT_PK`,
};
/** Partitions, all of them of DDL. */
const PARTITIONS = (number: number) => (number >= 1478 && number <= 1520) || number === 1563 || number === 1564;
/** The other server's meaning of a number of the table; none of them can answer a statement of afd. */
const NAMESAKES = new Set([
  'ER_REFERENCED_TRG_DOES_NOT_EXIST',
  'ER_UNKNOWN_STRUCTURED_VARIABLE',
  'ER_ROW_VARIABLE_DOES_NOT_HAVE_FIELD',
  'ER_INNODB_AUTOEXTEND_SIZE_OUT_OF_RANGE',
  'ER_BULK_PARSER_UNEXPECTED_CHAR_AFTER_COLUMN_TERMINATOR',
  'ER_BULK_PARSER_INCOMPLETE_ESCAPE_SEQUENCE',
  'ER_WARN_ONLY_MASTER_LOG_FILE_NO_POS',
  'ER_SLAVE_WORKER_STOPPED_PREVIOUS_THD_ERROR',
]);

const byName = new Map(
  Object.entries(NAMED).flatMap(([kind, names]) =>
    names.split(/\s+/).map((name) => [name, kind as ErrorKind] as const),
  ),
);

function expected({ number, name, state }: ServerError): ErrorKind {
  if (PARTITIONS(number)) return 'statement';
  return byName.get(name.replace(/^ER_/, '')) ?? CLASSES[state.slice(0, 2)] ?? 'unknown';
}

const error = (errno: number, sqlState = 'HY000') =>
  databaseError(
    Object.assign(new Error('what the server said'), { errno, sqlState, code: 'ER_X' }),
    '127.0.0.1:3306/afd',
  );

describe('each error of a server', () => {
  it.each(['mariadb', 'mysql'] as const)(
    'finding F9: of %s is what its name or its SQLSTATE says, and else it may pass',
    (server) => {
      const wrong = LISTS[server].flatMap((one) => {
        const kind = kindOf(one.number, one.state);
        return kind === expected(one) || NAMESAKES.has(one.name) ? [] : [{ ...one, kind, expected: expected(one) }];
      });
      expect(wrong).toEqual([]);
    },
  );

  it('is in the table under a name that a server knows', () => {
    const known = new Set(ALL.map((one) => one.name.replace(/^ER_/, '')));
    expect([...byName.keys()].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('what may be done about it', () => {
  const verdict = (one: DatabaseError) => [isTransient(one), isConnectionLost(one), isOutcomeUnknown(one)];

  it.each([
    ['KILL QUERY', 1317, '70100'],
    ['a number that nobody has listed', 9876, 'HY000'],
  ])('finding F9: %s is repeated on the same connection, and no end is thrown away for it', (_, errno, state) => {
    expect(error(errno, state)).toMatchObject({ retry: 'transaction', fault: undefined, code: 'E_TEMPORARY' });
    // A COMMIT in the same batch may have been carried out before it.
    expect(verdict(error(errno, state))).toEqual([true, false, true]);
  });

  it('a deadlock says that nothing of its transaction is done', () => {
    const deadlock = error(1213, '40001');
    expect(deadlock).toMatchObject({ retry: 'transaction', rolledBack: true, undone: true });
    expect(isOutcomeUnknown(deadlock)).toBe(false);
  });

  it('finding R2: a read-only server sends to another connection, and the outcome is unknown', () => {
    expect(error(1290)).toMatchObject({ retry: 'connection', fault: undefined, code: 'E_DATABASE' });
    expect(verdict(error(1290)).slice(1)).toEqual([true, true]);
  });

  it('no room for data is waited for; the connection is there', () => {
    expect(error(1114)).toMatchObject({ retry: 'slow', fault: undefined, code: 'E_DATABASE' });
    expect(isConnectionLost(error(1114))).toBe(false);
    expect(isConnectionLost(error(1040, ''))).toBe(true);
  });

  it.each([
    [1062, '23000', 'data'],
    [1644, '99001', 'data'],
    [1064, '42000', 'statement'],
    [1298, 'HY000', 'statement'],
  ] as const)('%s %s is final, and the fault of the %s', (errno, state, fault) => {
    expect(error(errno, state)).toMatchObject({ retry: 'final', fault });
    expect(isTransient(error(errno, state))).toBe(false);
  });

  it('what the driver throws about its own arguments is final; what it calls fatal has ended the connection', () => {
    const thrown = databaseError(new TypeError('x is not a function'), 'here');
    expect(thrown).toMatchObject({ retry: 'final', fault: 'statement' });
    for (const more of [{}, { errno: 9876 }]) {
      expect(databaseError(Object.assign(new Error('x'), { fatal: true, ...more }), 'here').retry).toBe('connection');
    }
  });

  it('a fault is of a final error, and of no other', () => {
    expect(new DatabaseError('E_FAILED', 'x', { retry: 'final' }).fault).toBe('statement');
    expect(new DatabaseError('E_FAILED', 'x', { retry: 'slow', fault: 'data' }).fault).toBeUndefined();
  });
});
