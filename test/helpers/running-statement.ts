import type { Session } from '../../src/core/db/session.ts';
import { until } from './wait.ts';

/**
 * Until another connection to the database of `watcher` executes a statement that is LIKE `text`: it waits for a lock, as a rule.
 * `over`: true ends the waiting without it.
 */
export async function statementRuns(watcher: Session, text: string, over: () => boolean = () => false): Promise<void> {
  const sql = `SELECT 1 FROM information_schema.PROCESSLIST
    WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND INFO LIKE ?`;
  await until(
    async () => over() || (await watcher.rows(sql, [text])).length > 0,
    undefined,
    `a statement like ${text}`,
  );
}
