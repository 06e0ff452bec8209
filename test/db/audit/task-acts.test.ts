// Who acted on a task, as `afd tasks show` says it.
import { expect } from 'vitest';
import { MOST_ACTS, taskActs } from '../../../src/core/audit/task-acts.ts';
import { appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { objectActs } from '../../../src/core/db/audit/object-acts.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { cancelTasks, reassignTask, retryTasks, showTask } from '../../../src/core/tasks/tasks.ts';
import { actor } from '../../helpers/actor.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';

it('names who cancelled, retried and reassigned it before its first attempt, newest first', async ({ db, rows }) => {
  const context = testContext(db);
  const id = await rows.task({});
  const other = await rows.task({});
  await cancelTasks(context, [id, other], { force: false, by: actor('ada@ops', 'not needed') });
  await retryTasks(context, [id], { force: false, by: actor('bob@ops') });
  await reassignTask(context, id, { force: false, by: actor('eve@ops') });
  const shown = await showTask(context, id);
  expect(shown.assignments).toEqual([]);
  expect(shown.acts?.map((one) => [one.action, one.actor, one.reason])).toEqual([
    ['tasks.reassign', 'os:eve@ops', null],
    ['tasks.retry', 'os:bob@ops', null],
    ['tasks.cancel', 'os:ada@ops', 'not needed'],
  ]);
  expect(shown).toMatchObject({ more_acts: false, acts_note: null });
  expect(shown.acts![0]).toMatchObject({ at: expect.stringMatching(/Z$/), source: null, outcome: 'done' });
  await context.close();
});

it('reads the newest twenty by the index, however long the log is', async ({ db, session, rows }) => {
  const context = testContext(db);
  const id = await rows.task({});
  const entry = (object_id: number) =>
    ({ action: 'tasks.retry', object_type: 'task', object_id: String(object_id) }) as const;
  await transaction(session, async () => {
    for (let n = 0; n < 500; n += 1) await appendAudit(session, db.names, actor(), [entry(id + 1 + n)]);
    for (let n = 0; n < MOST_ACTS + 5; n += 1) await appendAudit(session, db.names, actor(`a${n}`), [entry(id)]);
  });
  const reads = async () => {
    const counted = await session.rows<{ Variable_name: string; Value: string }>(
      "SHOW SESSION STATUS LIKE 'Handler_read%'",
    );
    return counted.reduce((sum, one) => sum + Number(one.Value), 0);
  };
  const before = await reads();
  const counting = (await reads()) - before;
  const begun = await reads();
  const found = await objectActs(session, db.names, { object_type: 'task', object_id: String(id) }, MOST_ACTS + 1);
  expect(found).toHaveLength(MOST_ACTS + 1);
  expect((await reads()) - begun - counting).toBeLessThanOrEqual(MOST_ACTS + 3);
  const { acts, more_acts } = await taskActs(context, id);
  expect([acts!.length, acts![0]!.actor, more_acts]).toEqual([MOST_ACTS, `os:a${MOST_ACTS + 4}`, true]);
  await context.close();
});
