import { afterEach, expect } from 'vitest';
import { readTextWidths } from '../../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { fitText, type TextWidth } from '../../../src/core/domain/text/fit-text.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask, readTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(() => session.write(`ALTER TABLE ${db.names.task} MODIFY last_error TEXT NULL`));

test('a fresh schema: both columns are TEXT', async () => {
  const text: TextWidth = { characters: 65_535, bytes: 65_535, holds: 'all' };
  expect(await readTextWidths(session, db.names)).toEqual({ last_error: text, error_message: text });
});

test.each([
  ['VARCHAR(64)', { characters: 64, bytes: 256, holds: 'all' }],
  ['VARCHAR(64) CHARACTER SET utf8mb3', { characters: 64, bytes: 192, holds: 'bmp' }],
  ['VARCHAR(20) CHARACTER SET latin1', { characters: 20, bytes: 20, holds: 'ascii' }],
  ['TINYTEXT', { characters: 255, bytes: 255, holds: 'all' }],
  ['CHAR(3)', { characters: 3, bytes: 12, holds: 'all' }],
] as Array<[string, TextWidth]>)('%s takes every text that was fitted to its width', async (type, width) => {
  await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error ${type} NULL`);
  const { last_error } = await readTextWidths(session, db.names);
  expect(last_error).toEqual(width);
  const id = await insertTask(session, db.names);
  for (const text of ['short', 'x'.repeat(9000), '设备 was declared dead '.repeat(40), '😀'.repeat(200)]) {
    const fitted = fitText(text, last_error);
    await session.write(`UPDATE ${db.names.task} SET last_error = ? WHERE id = ?`, [fitted, id]);
    // A CHAR gives its trailing spaces back to nobody.
    expect(String((await readTask(session, db.names, id))?.last_error).trimEnd()).toBe(fitted?.trimEnd());
  }
});
