import { afterEach, expect } from 'vitest';
import { commandHandler } from '../../../src/core/handlers/command/command-handler.ts';
import { commandOptions } from '../../fixtures/handlers/command.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

afterEach(stopWorkers);

const SCRIPT = `say() { printf "$@" >&$AFD_EVENTS_FD; }
if [ $AFD_ATTEMPT = 1 ]; then
  say '{"type":"progress","done":3,"total":10,"message":"pages"}\\n{"type":"metric","name":"rows","value":7}\\n'
  say '{"type":"later","after":0,"message":"more tomorrow"}\\n{"type":"checkpoint","value":{"page":3}}\\n'
else
  printf '{"type":"result","value":%s}' "$(cat)" >&$AFD_EVENTS_FD
fi`;

it('what a command says just before it exits is stored, and the next attempt gets its checkpoint', async ({
  given: { db, session },
}) => {
  startWorker(db, { handlers: { t: commandHandler(commandOptions(['sh', '-c', SCRIPT])) } });
  const id = await insertTask(session, db.names, { task_type: 't' });
  const status = async () =>
    (await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ?`, [id])).map((row) => row.status).join();
  await until(async () => (await status()) === 'done', 20_000, 'the second attempt is done');
  const ends = await session.rows(
    `SELECT status, error_message, result FROM ${db.names.assignment} WHERE task_id = ? ORDER BY id`,
    [id],
  );
  expect(ends.map((row) => row.error_message)).toEqual(['more tomorrow', null]);
  expect(JSON.parse(String(ends[1]!.result))).toMatchObject({ task_id: id, attempt: 2, checkpoint: { page: 3 } });
  const [row] = await session.rows(`SELECT done, total, message, metrics FROM ${db.names.progress} WHERE task_id = ?`, [
    id,
  ]);
  expect(row).toMatchObject({ done: 3, total: 10, message: 'pages' });
  expect(JSON.parse(String(row!.metrics))).toEqual({ rows: 7 });
});
