// What the clients of a gateway are told of errors of the database.
import { expect, it } from 'vitest';
import { databaseError, unknownOutcome, unopened } from '../../../../src/core/db/database-error.ts';
import { AfdError } from '../../../../src/core/domain/errors.ts';
import { shownError } from '../../../../src/core/gateway/shown-error.ts';

const WHERE = 'db-7.internal:3307/orders';
const who = { account: 'afd_app@10.1.2.%', schema: 'orders' };
const SECRET = /orders|db-7|10\.1\.2|3307|afd_app|af_task|result|SELEC|GRANT|CONSTRAINT|lane|uk_|user/i;

/** As servers and drivers say it: one for each kind of error that has its own sentence. */
it.each<[errno: number | undefined, code: string, text: string]>([
  [undefined, 'ECONNREFUSED', 'connect ECONNREFUSED 10.1.2.3:3307'],
  [1040, 'ER_CON_COUNT_ERROR', 'Too many connections'],
  [1203, 'ER_TOO_MANY_USER_CONNECTIONS', "User afd_app already has more than 'max_user_connections' connections"],
  [1045, 'ER_ACCESS_DENIED_ERROR', "Access denied for user 'afd_app'@'10.1.2.9' (using password: YES)"],
  [1142, 'ER_TABLEACCESS_DENIED_ERROR', "SELECT command denied to user 'afd_app'@'10.1.2.9' for table `af_task`"],
  [1049, 'ER_BAD_DB_ERROR', "Unknown database 'orders'"],
  [1064, 'ER_PARSE_ERROR', "You have an error in your SQL syntax near 'SELEC id FROM af_task'"],
  [1054, 'ER_BAD_FIELD_ERROR', "Unknown column 't.lane' in 'field list'"],
  [1406, 'ER_DATA_TOO_LONG', "Data too long for column 'af_task.result' at row 1"],
  [1062, 'ER_DUP_ENTRY', "Duplicate entry '5-1' for key 'af_task_assignment.uk_task_attempt'"],
  [4025, 'ER_CONSTRAINT_FAILED', 'CONSTRAINT `af_task.task_data` failed for `orders`.`af_task`'],
  [1213, 'ER_LOCK_DEADLOCK', 'Deadlock found when trying to get lock'],
  [1114, 'ER_RECORD_FILE_FULL', "The table 'orders/af_task' is full"],
  [1290, 'ER_OPTION_PREVENTS_STATEMENT', 'The server is running with --read-only; UPDATE af_task refused'],
  [9999, 'ER_OF_TOMORROW', 'af_task of orders at db-7.internal has a new kind of trouble'],
])('an error of the database names no address, account, SQL or schema (%s %s)', (errno, code, text) => {
  const raw = Object.assign(new Error(text), { code, ...(errno === undefined ? {} : { errno }) });
  const error = databaseError(raw, WHERE, who);
  for (const one of [error, unopened(error), unknownOutcome('the claim of af_task', error)]) {
    const { message, suggestions, data } = shownError(one);
    expect(Object.keys(data)).toEqual(['errno', 'driver_code']);
    expect([message, ...suggestions].join('\n')).not.toMatch(SECRET);
    expect(message).toMatch(/^The database .+\.$|^The (tables|configuration) .+\.$/);
    // The log has the error itself.
    expect(one.message).toContain(text);
  }
});

it('less is told of a schema that does not fit, and all of what is no error of the database', () => {
  const more = { suggestions: ['afd migrate up'], data: { missing: ['column af_task.lane'] } };
  expect(shownError(new AfdError('E_SCHEMA', `The schema at ${WHERE} is older.`, more))).toEqual({
    message: 'The tables in the database do not match this version of afd.',
    suggestions: ['afd migrate up'],
    data: {},
  });
  const other = new AfdError('E_NOT_FOUND', 'There is no task 5.', { data: { task_id: 5 } });
  expect(shownError(other)).toBe(other);
});
