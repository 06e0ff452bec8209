// The database of the test that runs, for a file whose tests and helpers share it: `useDatabase()` at its head, and then these
// names mean those of the test. `given` of ./fixture.ts is the same for one test alone.
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import type { TestDatabase } from './database.ts';
import { it } from './fixture.ts';

export { it } from './fixture.ts';
export let db: TestDatabase;
export let names: TableNames;
export let session: Session;

/** Before each test of the file. */
export function useDatabase(): void {
  it.beforeEach(({ given }) => {
    ({ db, session } = given);
    names = db.names;
  });
}
