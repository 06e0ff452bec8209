// A dump of the database of a test, as somebody would search it.
import { expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';

/** Every value of every table; `more` adds what is inside of a binary one, by the name of its table. */
export async function wholeDatabase(
  session: Session,
  more: (table: string, value: Buffer) => string | undefined = () => undefined,
): Promise<string> {
  const tables = await session.rows<{ name: string }>(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()`,
  );
  expect(tables.length).toBeGreaterThan(13);
  const found: string[] = [];
  for (const { name } of tables) {
    for (const row of await session.rows(`SELECT * FROM \`${name}\``)) {
      for (const value of Object.values(row)) {
        found.push(Buffer.isBuffer(value) ? value.toString('latin1') : String(value));
        const inside = Buffer.isBuffer(value) ? more(name, value) : undefined;
        if (inside !== undefined) found.push(inside);
      }
    }
  }
  return found.join('\n');
}
