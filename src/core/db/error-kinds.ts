// Which error of the server means what. Turned round on purpose: only what is known to be a fault of the statement, of its
// data or of the account's rights is final; everything else may be gone the next time, also what a server of tomorrow says.

/**
 * What to do after a database error.
 * - `transaction`: ROLLBACK, then the whole transaction may be repeated on the same connection.
 * - `connection`: the connection is useless or points at the wrong server; open another. What a COMMIT did is unknown.
 * - `slow`: the server has no room for now, for this connection or for this data; wait with backoff.
 * - `final`: repeating it gives the same answer.
 */
export type RetryKind = 'transaction' | 'connection' | 'slow' | 'final';

/**
 * Whose fault a final error is. `data`: of the rows or values that were sent (too long, out of range, a constraint, a
 * trigger that refuses): leave out the culprit, and the rest goes through. `statement`: of the program, the schema or the
 * account's rights: nothing of the kind goes through.
 */
export type Fault = 'data' | 'statement';

export type ErrorKind =
  | 'lock'
  | 'broken-off'
  | 'gone'
  | 'refused'
  | 'full'
  | 'data'
  | 'statement'
  | 'setting'
  | 'schema'
  | 'rights'
  | 'no-database'
  | 'unknown';

/** 1478 to 1520, and two more: how a table is cut into partitions. */
const PARTITIONS = [...Array.from({ length: 43 }, (_, n) => 1478 + n), 1563, 1564];

const NUMBERS: Record<Exclude<ErrorKind, 'unknown'>, number[]> = {
  // 1213 deadlock; 1205 lock wait (keeps the transaction open); 1020 record changed since it was read (MariaDB 11.6.2 and
  // later); 3572 NOWAIT; 1689 aborted for an exclusive lock; 1223 a read lock is held; 1613/1614 XA timeout and deadlock; 3058
  // deadlock of user locks; 3101 group replication certified another transaction instead.
  lock: [1213, 1205, 1020, 3572, 1689, 1223, 1613, 1614, 3058, 3101],
  // 1317 KILL QUERY; 1969 and 3024 time limits of the server; 1412 table definition changed; 1028 sort aborted.
  'broken-off': [1317, 1969, 3024, 1412, 1028],
  // Read-only, or no primary any more: 1290 1792 1836 1036 1874 1881 3989. Going down, offline or killed: 1053 1079 1080
  // 1927 3032 3168 3169 4031, for its memory 4081 4082. Group and Galera: 3100 3796 3797 3798 1047. COMMIT or ROLLBACK
  // itself failed, so the outcome is unknown: 1180 1181 1196 1598. The driver's own: 2006 2013.
  gone: [
    1290, 1792, 1836, 1036, 1874, 1881, 3989, 1053, 1079, 1080, 1927, 3032, 3168, 3169, 4031, 4081, 4082, 3100, 3796,
    3797, 3798, 1047, 1180, 1181, 1196, 1598, 2006, 2013,
  ],
  // Connections: of the server 1040, of the account 1203 1226, of the host 1129, threads 1135.
  refused: [1040, 1203, 1226, 1129, 1135],
  // Disk 1021 1026 1030 1114, binary log 1197 1534, memory 1037 1038 1041 3985, locks 1206, transactions 1637, ids 1467.
  full: [1021, 1026, 1030, 1114, 1197, 1534, 1037, 1038, 1041, 3985, 1206, 1637, 1467],
  // The usual ones of the classes 22 and 23: null 1048, key 1062, range 1264 1690, wrong value 1292, division 1365, too
  // long 1406, foreign keys 1216 1217 1451 1452, JSON 3140 3141. Outside the classes 22, 23, 44 and 45: no default
  // 1364, cut 1261 1262 1265, wrong value 1300 1366 1411 1470, packet or row too large 1153 1118 1162 1301, more than
  // one row 1242, no partition 1526 1748, a view's check 1369, SIGNAL 1642 1643 1644, generated column 3105, CHECK 3819
  // 4025, JSON 3142, text that cannot be converted 1977 3854 3988.
  data: [
    1048, 1062, 1264, 1690, 1292, 1365, 1406, 1216, 1217, 1451, 1452, 3140, 3141, 1364, 1261, 1262, 1265, 1300, 1366,
    1411, 1470, 1153, 1118, 1162, 1301, 1242, 1526, 1748, 1369, 1642, 1643, 1644, 3105, 3819, 4025, 3142, 1977, 3854,
    3988,
  ],
  // Syntax 1064, 1136. Outside the classes 42, 0A, 21 and their like: arguments and variables 1178 1210 1221 1228 1229
  // 1238 1273, what cannot be written 1093 1288 1356 1393 1394 1395 1442 1443 1471, definer 1449, partitions, routines
  // 1418 1419, foreign keys 1215.
  statement: [
    1064,
    1136,
    1178,
    1210,
    1221,
    1228,
    1229,
    1238,
    1273,
    1093,
    1288,
    1356,
    1393,
    1394,
    1395,
    1442,
    1443,
    1471,
    1449,
    ...PARTITIONS,
    1418,
    1419,
    1215,
  ],
  // A setting of the server's that afd cannot change: unknown variable 1193 or zone 1298, what the binary log or a group
  // cannot carry 1665 1785 1786 1787 3098, a primary key asked for 3750.
  setting: [1193, 1298, 1665, 1785, 1786, 1787, 3098, 3750],
  // Unknown table, column or index: a schema that this version does not know.
  schema: [1146, 1054, 1176, 1932],
  // Refused by grants, credentials, the account's state or its host.
  rights: [
    1044, 1045, 1130, 1141, 1142, 1143, 1147, 1227, 1251, 1275, 1370, 1410, 1524, 1698, 1820, 1862, 1979, 3118, 3159,
    3879, 3955, 4150, 4151,
  ],
  'no-database': [1049],
};

const BY_NUMBER = new Map<number, ErrorKind>(
  Object.entries(NUMBERS).flatMap(([kind, numbers]) => numbers.map((one) => [one, kind as ErrorKind] as const)),
);

/** What the standard says of the first two letters of a SQLSTATE; HY, 70, 25, 01 and the rest say nothing. */
const BY_CLASS: Record<string, ErrorKind> = {
  '08': 'gone',
  '22': 'data',
  '23': 'data',
  '44': 'data',
  '45': 'data',
  '40': 'lock',
  XA: 'lock',
  '28': 'rights',
  '07': 'statement',
  '0A': 'statement',
  '0K': 'statement',
  '0Z': 'statement',
  '20': 'statement',
  '21': 'statement',
  '24': 'statement',
  '26': 'statement',
  '2F': 'statement',
  '34': 'statement',
  '35': 'statement',
  '3D': 'statement',
  '42': 'statement',
};

/** The number decides where it is listed; else the class of the SQLSTATE; else it is unknown, and so not final. */
export function kindOf(errno: number, sqlState: string | undefined): ErrorKind {
  return BY_NUMBER.get(errno) ?? BY_CLASS[(sqlState ?? '').slice(0, 2)] ?? 'unknown';
}
