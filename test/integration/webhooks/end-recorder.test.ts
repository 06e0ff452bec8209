import { describe, expect } from 'vitest';
import { noteTaskEnd } from '../../../src/core/db/changes/note-task-end.ts';
import { NotLeader } from '../../../src/core/db/leader/assert-leader.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { EndRecorder } from '../../../src/core/webhooks/ends/end-recorder.ts';
import { addWebhook, changeWebhook, type NewWebhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';

let { db, session, rows } = {} as Given;
let context: ReturnType<typeof testContext>;
let recorder: EndRecorder;

const another = async () =>
  new EndRecorder(new DutySession(await db.session(), db.names, { holder: 'leader', term: 1 }));

it.beforeEach(async ({ given, onTestFinished }) => {
  ({ db, session, rows } = given);
  context = testContext(db);
  onTestFinished(() => context.close());
  await rows.leader('leader', 1);
  recorder = await another();
});

async function hook(more: Partial<NewWebhook> = {}): Promise<number> {
  const event_types: NewWebhook['event_types'] = ['task.done', 'task.failed', 'task.cancelled'];
  const all = { url: 'https://hooks.example.com/', description: null, task_types: null, secret: undefined };
  return (await addWebhook(context, { ...all, event_types, ...more }, actor())).webhook.id;
}

type Running = Awaited<ReturnType<Given['rows']['running']>>;
/** The attempt is over, and its task is `task`. Returns the id of that. */
async function end({ task_id, assignment_id }: Running, attempt: string, task: string, more = ''): Promise<number> {
  const set = `status = ?, completed_at = UTC_TIMESTAMP(3), error_message = 'why' ${more}`;
  await session.batch([
    { sql: `UPDATE ${db.names.assignment} SET ${set} WHERE id = ?`, values: [attempt, assignment_id] },
    { sql: `UPDATE ${db.names.task} SET status = ? WHERE id = ?`, values: [task, task_id] },
  ]);
  return task_id;
}
const done = async () => end(await rows.running('w1'), 'completed', 'done');

const deliveries = () =>
  session.rows<{ webhook_id: number; event_type: string; task_id: number; body: string }>(
    `SELECT webhook_id, event_type, task_id, body FROM ${db.names.webhookDelivery} ORDER BY task_id, webhook_id`,
  );
const told = async () => (await deliveries()).map((one) => [one.webhook_id, one.event_type, one.task_id]);

describe('the end of a task', () => {
  it('is a delivery, once: done, failed or cancelled, by an attempt or without one', async () => {
    const id = await hook();
    const running = await rows.running('w1', { app_id: 'app1', start_date: '2026-01-02', username: 'u' });
    await recorder.runOnce();
    expect(await told()).toEqual([]);
    const ends = [
      await end(running, 'completed', 'done'),
      await end(await rows.running('w1'), 'timeout', 'failed', ", error_class = 'E_X', cause = 'deadline'"),
      await end(await rows.running('w1'), 'cancelled', 'cancelled'),
      await rows.task({ status: 'cancelled' }),
    ];
    await noteTaskEnd(session, db.names, { taskId: ends[3]!, status: 'cancelled', cause: 'operator' });
    expect(await recorder.runOnce()).toEqual({ recorded: 4 });
    expect(await recorder.runOnce()).toEqual({ recorded: 0 });
    const types = ['task.done', 'task.failed', 'task.cancelled', 'task.cancelled'];
    expect(await told()).toEqual(types.map((type, n) => [id, type, ends[n]]));
    const [first, second, , last] = (await deliveries()).map((one) => JSON.parse(one.body));
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/);
    expect(first).toEqual({
      type: 'task.done',
      timestamp: time,
      data: {
        ...{ task_id: String(ends[0]), task_type: 'sync_data', username: 'u', app_id: 'app1' },
        ...{ start_date: '2026-01-02', end_date: null, parent_id: null, status: 'done', attempt: 1, device_id: 'w1' },
        ...{ started_at: time, ended_at: time, cause: null, error_class: null, error_message: 'why' },
      },
    });
    expect(second.data).toMatchObject({ status: 'failed', error_class: 'E_X', cause: 'deadline' });
    expect(last.data).toMatchObject({ status: 'cancelled', attempt: null, device_id: null, cause: 'operator' });
  });

  it('is not that of an attempt after which the task goes on, unless the attempt completed and it runs again', async () => {
    const id = await hook();
    for (const [attempt, task] of [
      ['failed', 'pending'],
      ['completed', 'waiting'],
      ['lost', 'pending'],
      ['released', 'assigned'],
    ] as const)
      await end(await rows.running('w1'), attempt, task);
    // Another program's row is nobody's attempt.
    await session.write(
      `INSERT INTO ${db.names.assignment} (task_id, device_id, status, completed_at) VALUES (?, 'x', 'completed', UTC_TIMESTAMP(3))`,
      [await rows.task({ status: 'done' })],
    );
    expect(await recorder.runOnce()).toEqual({ recorded: 0 });
    const again = await end(await rows.running('w1'), 'completed', 'running');
    await session.write(`UPDATE ${db.names.task} SET attempt = 2 WHERE id = ?`, [again]);
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', again]]);
  });

  it('waits for no other: one attempt stays open while later ones end; another leader writes nothing twice', async () => {
    const id = await hook();
    const long = await rows.running('w1');
    await recorder.runOnce();
    const short = await done();
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', short]]);
    const next = await another();
    expect(await next.runOnce()).toEqual({ recorded: 0 });
    await end(long, 'failed', 'failed');
    expect(await next.runOnce()).toEqual({ recorded: 1 });
  });

  it('is found when its transaction commits after that of a higher id', async () => {
    const id = await hook();
    await recorder.runOnce();
    const slow = await db.session();
    const task = await rows.task({ status: 'done', attempt: 1 });
    await slow.write('START TRANSACTION');
    await slow.write(
      `INSERT INTO ${db.names.assignment} (task_id, device_id, attempt, status, completed_at) VALUES (?, 'w1', 1, 'completed', UTC_TIMESTAMP(3))`,
      [task],
    );
    const quick = [id, 'task.done', await done()];
    await recorder.runOnce();
    expect(await told()).toEqual([quick]);
    await slow.write('COMMIT');
    await recorder.runOnce();
    expect(await told()).toEqual([[id, 'task.done', task], quick]);
  });

  it('is not lost when its write fails', async () => {
    await hook();
    await done();
    const term = (n: number) => session.write(`UPDATE ${db.names.leader} SET term = ?`, [n]);
    await term(2);
    await expect(recorder.runOnce()).rejects.toBeInstanceOf(NotLeader);
    expect(await told()).toEqual([]);
    await term(1);
    expect(await recorder.runOnce()).toEqual({ recorded: 1 });
  });

  it('is one of thousands that an outage has left', async () => {
    await hook();
    const { task, assignment } = db.names;
    const tasks = Array.from({ length: 2500 }, () => `('sync_data', 'done', 1)`);
    await session.write(`INSERT INTO ${task} (task_type, status, attempt) VALUES ${tasks}`);
    await session.write(
      `INSERT INTO ${assignment} (task_id, device_id, attempt, status, completed_at)
       SELECT id, 'w1', 1, 'completed', UTC_TIMESTAMP(3) FROM ${task}`,
    );
    expect(await recorder.runOnce()).toEqual({ recorded: 2500 });
  });
});

describe('a webhook', () => {
  it('gets the ends that it asks for', async () => {
    const failures = await hook({ event_types: ['task.failed'] });
    const reports = await hook({ task_types: ['report', 'other'] });
    const running = (task_type: string) => rows.running('w1', { task_type });
    const [a, b, c] = [
      await end(await running('report'), 'completed', 'done'),
      await end(await running('sync_data'), 'failed', 'failed'),
      await end(await running('report'), 'failed', 'failed'),
    ];
    await recorder.runOnce();
    expect(await told()).toEqual([
      [reports, 'task.done', a],
      [failures, 'task.failed', b],
      [failures, 'task.failed', c],
      [reports, 'task.failed', c],
    ]);
  });

  it('gets what ends while it is active, also of attempts that began before', async () => {
    await done();
    const open = await rows.running('w1');
    await recorder.runOnce();
    const id = await hook();
    await recorder.runOnce();
    const first = await end(open, 'completed', 'done');
    await recorder.runOnce();
    await changeWebhook(context, id, { active: false }, actor());
    await done();
    await recorder.runOnce();
    await changeWebhook(context, id, { active: true }, actor());
    const later = await done();
    await recorder.runOnce();
    expect(await told()).toEqual([first, later].map((task) => [id, 'task.done', task]));
  });
});
