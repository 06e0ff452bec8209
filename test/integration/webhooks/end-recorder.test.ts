import { beforeEach, describe, expect, vi } from 'vitest';
import { noteTaskEnd } from '../../../src/core/db/changes/note-task-end.ts';
import { NotLeader } from '../../../src/core/db/leader/assert-leader.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { EndRecorder } from '../../../src/core/webhooks/ends/end-recorder.ts';
import {
  addWebhook,
  changeWebhook,
  type NewWebhook,
  removeWebhook,
} from '../../../src/core/webhooks/manage-webhooks.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';

let given: Given;
let context: ReturnType<typeof testContext>;
let recorder: EndRecorder;

async function another(term = 1): Promise<EndRecorder> {
  return new EndRecorder(new DutySession(await given.db.session(), given.db.names, { holder: 'leader', term }));
}

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(one.db);
  onTestFinished(() => context.close());
  await given.rows.leader('leader', 1);
  recorder = await another();
});
beforeEach(() => {
  vi.restoreAllMocks();
});

async function hook(more: Partial<NewWebhook> = {}): Promise<number> {
  const event_types: NewWebhook['event_types'] = ['task.done', 'task.failed', 'task.cancelled'];
  const all = { url: 'https://hooks.example.com/', description: null, task_types: null, secret: undefined };
  return (await addWebhook(context, { ...all, event_types, ...more }, actor())).webhook.id;
}

type Running = Awaited<ReturnType<Given['rows']['running']>>;
async function end({ task_id, assignment_id }: Running, attempt: string, task: string, more = '') {
  const { names } = given.db;
  await given.session.batch([
    {
      sql: `UPDATE ${names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3), error_message = 'why' ${more} WHERE id = ?`,
      values: [attempt, assignment_id],
    },
    { sql: `UPDATE ${names.task} SET status = ? WHERE id = ?`, values: [task, task_id] },
  ]);
}

async function deliveries(): Promise<Array<{ webhook_id: number; event_type: string; task_id: number; body: string }>> {
  return given.session.rows(
    `SELECT webhook_id, event_type, task_id, body FROM ${given.db.names.webhookDelivery} ORDER BY task_id, webhook_id`,
  );
}
const told = async () => (await deliveries()).map((one) => [one.webhook_id, one.event_type, one.task_id]);

describe('the end of a task', () => {
  it('is a delivery, once: done, failed or cancelled, by an attempt or without one', async () => {
    const id = await hook();
    const [done, failed, cancelled] = [
      await given.rows.running('w1', { app_id: 'app1', start_date: '2026-01-02', username: 'u' }),
      await given.rows.running('w1'),
      await given.rows.running('w1'),
    ];
    const without = await given.rows.task({ status: 'cancelled' });
    await recorder.runOnce();
    expect(await told()).toEqual([]);
    await end(done, 'completed', 'done');
    await end(failed, 'timeout', 'failed', ", error_class = 'E_X', cause = 'deadline'");
    await end(cancelled, 'cancelled', 'cancelled');
    await noteTaskEnd(given.session, given.db.names, { taskId: without, status: 'cancelled', cause: 'operator' });
    expect(await recorder.runOnce()).toEqual({ recorded: 4 });
    expect(await recorder.runOnce()).toEqual({ recorded: 0 });
    expect(await told()).toEqual([
      [id, 'task.done', done.task_id],
      [id, 'task.failed', failed.task_id],
      [id, 'task.cancelled', cancelled.task_id],
      [id, 'task.cancelled', without],
    ]);
    const [first, second, , last] = (await deliveries()).map((one) => JSON.parse(one.body));
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/);
    expect(first).toEqual({
      type: 'task.done',
      timestamp: time,
      data: {
        ...{ task_id: String(done.task_id), task_type: 'sync_data', username: 'u', app_id: 'app1' },
        ...{ start_date: '2026-01-02', end_date: null, parent_id: null, status: 'done', attempt: 1, device_id: 'w1' },
        ...{ started_at: time, ended_at: time, cause: null, error_class: null, error_message: 'why' },
      },
    });
    expect(second.data).toMatchObject({ status: 'failed', error_class: 'E_X', cause: 'deadline' });
    expect(last.data).toMatchObject({ status: 'cancelled', attempt: null, device_id: null, cause: 'operator' });
  });

  it('is not that of an attempt after which the task goes on', async () => {
    await hook();
    for (const [attempt, task] of [
      ['failed', 'pending'],
      ['completed', 'waiting'],
      ['lost', 'pending'],
      ['released', 'assigned'],
    ])
      await end(await given.rows.running('w1'), attempt!, task!);
    // Another program's row is nobody's attempt.
    await given.session.write(
      `INSERT INTO ${given.db.names.assignment} (task_id, device_id, status, completed_at) VALUES (?, 'x', 'completed', UTC_TIMESTAMP(3))`,
      [await given.rows.task({ status: 'done' })],
    );
    expect(await recorder.runOnce()).toEqual({ recorded: 0 });
  });

  it('is told of an attempt that completed, though the task runs again by then', async () => {
    const id = await hook();
    const one = await given.rows.running('w1');
    await end(one, 'completed', 'running');
    await given.session.write(`UPDATE ${given.db.names.task} SET attempt = 2 WHERE id = ?`, [one.task_id]);
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', one.task_id]]);
  });

  it('waits for no other: one attempt stays open while later ones end; another leader writes nothing twice', async () => {
    const id = await hook();
    const long = await given.rows.running('w1');
    const short = await given.rows.running('w1');
    await recorder.runOnce();
    await end(short, 'completed', 'done');
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', short.task_id]]);
    const next = await another();
    expect(await next.runOnce()).toEqual({ recorded: 0 });
    await end(long, 'failed', 'failed');
    expect(await next.runOnce()).toEqual({ recorded: 1 });
    expect(await told()).toEqual([
      [id, 'task.failed', long.task_id],
      [id, 'task.done', short.task_id],
    ]);
  });

  it('is found when its transaction commits after that of a higher id', async () => {
    const id = await hook();
    await recorder.runOnce();
    const { names } = given.db;
    const slow = await given.db.session();
    const task = await given.rows.task({ status: 'done', attempt: 1 });
    await slow.write('START TRANSACTION');
    await slow.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, status, completed_at) VALUES (?, 'w1', 1, 'completed', UTC_TIMESTAMP(3))`,
      [task],
    );
    const quick = await given.rows.running('w1');
    await end(quick, 'completed', 'done');
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', quick.task_id]]);
    await slow.write('COMMIT');
    await recorder.runOnce();
    expect(await told()).toEqual([
      [id, 'task.done', task],
      [id, 'task.done', quick.task_id],
    ]);
  });

  it('is not lost when its write fails', async () => {
    const id = await hook();
    const one = await given.rows.running('w1');
    await recorder.runOnce();
    await end(one, 'completed', 'done');
    await given.session.write(`UPDATE ${given.db.names.leader} SET term = 2`);
    await expect(recorder.runOnce()).rejects.toBeInstanceOf(NotLeader);
    expect(await told()).toEqual([]);
    await given.session.write(`UPDATE ${given.db.names.leader} SET term = 1`);
    expect(await recorder.runOnce()).toEqual({ recorded: 1 });
    expect(await told()).toEqual([[id, 'task.done', one.task_id]]);
  });

  it('is one of thousands that an outage has left', async () => {
    await hook();
    const { names } = given.db;
    const task = await given.rows.task({ status: 'done', attempt: 1 });
    const tasks = Array.from({ length: 2500 }, () => `('sync_data', 'done', 1)`).join(', ');
    await given.session.write(`INSERT INTO ${names.task} (task_type, status, attempt) VALUES ${tasks}`);
    await given.session.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, status, completed_at)
       SELECT id, 'w1', 1, 'completed', UTC_TIMESTAMP(3) FROM ${names.task} WHERE id > ?`,
      [task],
    );
    expect(await recorder.runOnce()).toEqual({ recorded: 2500 });
    expect(await (await another()).runOnce()).toEqual({ recorded: 0 });
  });
});

describe('a webhook', () => {
  it('gets the ends that it asks for', async () => {
    const failures = await hook({ event_types: ['task.failed'] });
    const reports = await hook({ task_types: ['report', 'other'] });
    const ends = [
      await given.rows.running('w1', { task_type: 'report' }),
      await given.rows.running('w1', { task_type: 'sync_data' }),
      await given.rows.running('w1', { task_type: 'report' }),
    ];
    await end(ends[0]!, 'completed', 'done');
    await end(ends[1]!, 'failed', 'failed');
    await end(ends[2]!, 'failed', 'failed');
    await recorder.runOnce();
    expect(await told()).toEqual([
      [reports, 'task.done', ends[0]!.task_id],
      [failures, 'task.failed', ends[1]!.task_id],
      [failures, 'task.failed', ends[2]!.task_id],
      [reports, 'task.failed', ends[2]!.task_id],
    ]);
  });

  it('gets what ends while it is active, also of attempts that began before', async () => {
    const before = await given.rows.running('w1');
    await end(before, 'completed', 'done');
    const open = await given.rows.running('w1');
    await recorder.runOnce();
    const id = await hook();
    await recorder.runOnce();
    await end(open, 'completed', 'done');
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', open.task_id]]);
    await changeWebhook(context, id, { active: false }, actor());
    const meanwhile = await given.rows.running('w1');
    await end(meanwhile, 'completed', 'done');
    await recorder.runOnce();
    await changeWebhook(context, id, { active: true }, actor());
    const later = await given.rows.running('w1');
    await end(later, 'completed', 'done');
    await recorder.runOnce();
    expect(await told()).toEqual([
      [id, 'task.done', open.task_id],
      [id, 'task.done', later.task_id],
    ]);
  });

  it('that is removed gets nothing more', async () => {
    const id = await hook();
    const other = await hook();
    const one = await given.rows.running('w1');
    await recorder.runOnce();
    await end(one, 'completed', 'done');
    const spy = vi.spyOn(DutySession.prototype, 'fenced').mockImplementationOnce(async function (
      this: DutySession,
      work,
    ) {
      await removeWebhook(context, id, actor());
      return this.fenced(work);
    });
    await recorder.runOnce();
    expect(spy).toHaveBeenCalled();
    expect(await told()).toEqual([[other, 'task.done', one.task_id]]);
  });
});

it('without an active webhook a round is one statement', async () => {
  const session = await given.db.session();
  const quiet = new EndRecorder(new DutySession(session, given.db.names, { holder: 'leader', term: 1 }));
  const [rows, batch, write] = [vi.spyOn(session, 'rows'), vi.spyOn(session, 'batch'), vi.spyOn(session, 'write')];
  await quiet.runOnce();
  expect([rows, batch, write].map((one) => one.mock.calls.length)).toEqual([1, 0, 0]);
});
