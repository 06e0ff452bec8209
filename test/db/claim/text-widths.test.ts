import { afterEach, expect } from 'vitest';
import { readTextWidths } from '../../../src/core/db/claim/text-widths.ts';
import { fitText, type TextWidth } from '../../../src/core/domain/text/fit-text.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask, setTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
afterEach(() => session.write(`ALTER TABLE ${names.task} MODIFY last_error TEXT NULL`));

it.each<[string, TextWidth]>([
  ['TEXT', { characters: 65_535, bytes: 65_535, holds: 'all' }],
  ['VARCHAR(64) CHARACTER SET utf8mb3', { characters: 64, bytes: 192, holds: 'bmp' }],
  ['VARCHAR(20) CHARACTER SET latin1', { characters: 20, bytes: 20, holds: 'ascii' }],
  ['CHAR(3)', { characters: 3, bytes: 12, holds: 'all' }],
])('%s takes every text that was fitted to its width', async (type, width) => {
  await session.write(`ALTER TABLE ${names.task} MODIFY last_error ${type} NULL`);
  const { last_error } = await readTextWidths(session, names);
  expect(last_error).toEqual(width);
  const id = await addTask();
  for (const text of ['short', 'x'.repeat(9000), '设备 was declared dead '.repeat(40), '😀'.repeat(200)]) {
    const fitted = fitText(text, last_error);
    await setTask(id, { last_error: fitted });
    // A CHAR gives its trailing spaces back to nobody.
    expect(String((await taskRow(id)).last_error).trimEnd()).toBe(fitted?.trimEnd());
  }
});
