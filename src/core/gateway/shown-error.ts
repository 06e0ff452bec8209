// What a gateway answers its clients about an error. Where the database is, by which account it is used, what its tables are called
// and which statement failed is for the log alone.
import { DatabaseError } from '../db/database-error.ts';
import type { AfdError, ErrorCode } from '../domain/errors.ts';

export type ShownError = Pick<AfdError, 'message' | 'suggestions' | 'data'>;

/** Other errors that name the database: the schema that is missing, the setting that does not fit. */
const OF_THE_DATABASE = new Set<ErrorCode>(['E_SCHEMA', 'E_CONFIG']);

/** Of numbers that say what is wrong with a value; the server's own words name tables and columns. */
const VALUES: Array<[numbers: number[], what: string]> = [
  [[1406], 'a text is too long'],
  [[1264, 1690], 'a number is out of range'],
  [[1048, 1364], 'a value is missing'],
  [[1062], 'there is one with the same key already'],
  [[3140, 3141, 3142], 'a text is not valid JSON'],
  [[1153, 1118, 1162, 1301], 'the data is too large'],
  [[1292, 1300, 1366, 1411, 1977, 3854, 3988], 'a text or number cannot be converted'],
];

/** As it is, where it says nothing of the database. */
export function shownError(error: AfdError): ShownError {
  const ofDatabase = error instanceof DatabaseError;
  if (!ofDatabase && !OF_THE_DATABASE.has(error.code)) return error;
  return {
    message: ofDatabase ? sentence(error) : (SENTENCES[error.code] ?? REFUSED),
    // A GRANT names the account and the table.
    suggestions: error.suggestions.filter((one) => one.startsWith('afd ')),
    data: ofDatabase ? error.data : {},
  };
}

const REFUSED = 'The database refused a statement.';

const SENTENCES: Partial<Record<ErrorCode, string>> = {
  E_TEMPORARY: 'The database broke the transaction off; the same request may succeed in a moment.',
  E_SCHEMA: 'The tables in the database do not match this version of afd.',
  E_FORBIDDEN: 'The database refused the account of the gateway.',
  E_CONFIG: 'The configuration of the gateway, or a setting of the database, does not allow this.',
};

function sentence(error: DatabaseError): string {
  const { code, retry, fault, driverCode, errno } = error;
  if (driverCode === 'AFD_DEADLINE') return 'The database did not answer in time.';
  if (driverCode === 'AFD_ANSWER_TOO_LONG') return 'The answer of the database is too long.';
  if (fault === 'data') return `The database refused a value: ${ofValue(errno)}.`;
  if (code !== 'E_DATABASE') return SENTENCES[code] ?? REFUSED;
  if (retry !== 'slow') return 'The database cannot be reached.';
  return error.refused
    ? 'The database accepts no more connections.'
    : 'The database is out of disk space, memory or another resource.';
}

function ofValue(errno: number | undefined): string {
  if (errno === undefined) return 'the data is too large';
  const found = VALUES.find(([numbers]) => numbers.includes(errno));
  return found === undefined ? `error ${errno}` : found[1];
}
