import { AfdError } from '../../domain/errors.ts';
import type { Result } from '../results.ts';
import type { Statement } from './statements.ts';

/**
 * The locks of batch 1 make other counts impossible: a difference is a bug, and who claims must stop.
 * @throws AfdError E_INTERNAL
 */
export function assertCounts(statements: Statement[], results: Result[]): void {
  statements.forEach((statement, n) => {
    const touched = results[n]?.affectedRows;
    if (statement.expect !== undefined && touched !== statement.expect) {
      throw new AfdError(
        'E_INTERNAL',
        `A statement under lock touched ${touched} rows instead of ${statement.expect}: ${statement.sql.slice(0, 120)}`,
      );
    }
  });
}
