// Costly polls are made by one device at a time. A poll reads over every row that others have added and not committed;
// with forty devices at once it took longer than a call may, and was begun again.

import { schemaLocks } from '../server/schema-lock.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** False = another device has it. Ends with the session at the latest. @throws DatabaseError */
export async function takePollLock(session: Session, names: TableNames): Promise<boolean> {
  const [row] = await session.rows(`SELECT GET_LOCK(${lock(names)}, 0) AS got`);
  return row?.got === 1;
}

/** @throws DatabaseError */
export async function releasePollLock(session: Session, names: TableNames): Promise<void> {
  await session.rows(`SELECT RELEASE_LOCK(${lock(names)})`);
}

const lock = (names: TableNames) => schemaLocks(names, 'poll')();
