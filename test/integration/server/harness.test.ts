import { afterAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../../helpers/database.ts';

describe('the test harness', async () => {
  const db = await testDatabase();
  afterAll(() => db.close());

  it('gives a migrated, empty schema', async () => {
    const session = await db.session();
    const [row] = await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task}`);
    expect(row?.n).toBe(0);
  });
});
