import { afterAll, beforeAll, beforeEach, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../helpers/database.ts';
import { insertLeader } from '../helpers/factories.ts';
import { stopGateways } from '../helpers/gateway.ts';
import { SERVICES } from '../helpers/services.ts';
import { stress } from '../helpers/stress.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  const session = await db.session();
  await insertLeader(session, db.names, 'leader', 1);
});
afterAll(async () => {
  await stopGateways();
  await db.close();
});

test.each(Object.entries(SERVICES))(
  '%s starts and stops in any order and at any moment, and leaves nothing',
  (_name, make) => stress(() => make(db)),
  60_000,
);
