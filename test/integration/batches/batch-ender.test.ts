// When a batch ends, and what its webhooks are told.
import { beforeEach, describe, expect, vi } from 'vitest';
import { BatchEnder } from '../../../src/core/batches/batch-ender.ts';
import { seal, showBatch } from '../../../src/core/batches/batches.ts';
import { waitForBatch } from '../../../src/core/batches/wait-for-batch.ts';
import { NotLeader } from '../../../src/core/db/leader/assert-leader.ts';
import type { IntoBatch } from '../../../src/core/domain/task/batch.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { addTasks } from '../../../src/core/tasks/add-tasks.ts';
import { retryTasks } from '../../../src/core/tasks/tasks.ts';
import { addWebhook, type NewWebhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';

let given: Given;
let context: ReturnType<typeof testContext>;
let ender: BatchEnder;

async function another(term = 1): Promise<BatchEnder> {
  return new BatchEnder(new DutySession(await given.db.session(), given.db.names, { holder: 'leader', term }));
}

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(one.db);
  onTestFinished(() => context.close());
  await given.rows.leader('leader', 1);
  ender = await another();
});
beforeEach(() => {
  vi.restoreAllMocks();
});

async function hook(more: Partial<NewWebhook> = {}): Promise<number> {
  const all = { url: 'https://hooks.example.com/', description: null, task_types: null, secret: undefined };
  return (await addWebhook(context, { ...all, event_types: ['batch.ended'], ...more }, actor())).webhook.id;
}

async function made(n: number, into: IntoBatch = { name: 'nightly', open: false }) {
  const tasks = Array.from({ length: n }, () => ({ task_type: 't' }));
  const added = await addTasks(context, tasks, { batch: { into, by: { label: 'ada' } } });
  return { batch_id: added.batch_id!, ids: added.tasks.map((one) => one.task_id) };
}

const state = async (id: number) => (await showBatch(context, id)).state;
const set = (status: string, ids: number[]) =>
  given.session.write(`UPDATE ${given.db.names.task} SET status = ? WHERE id IN (?)`, [status, ids]);
const deliveries = async () =>
  given.session.rows<{ webhook_id: number; task_id: null; body: string }>(
    `SELECT webhook_id, task_id, body FROM ${given.db.names.webhookDelivery} ORDER BY id`,
  );

describe('a batch', () => {
  it('ends when it is sealed and none of its tasks is open, and tells so once', async () => {
    const id = await hook();
    const { batch_id, ids } = await made(6);
    for (const status of ['pending', 'waiting', 'assigned', 'running']) {
      await set('done', ids);
      await set(status, [ids[3]!]);
      expect(await ender.runOnce(), status).toEqual({ ended: 0 });
    }
    await set('failed', [ids[3]!]);
    await set('cancelled', [ids[4]!]);
    expect(await ender.runOnce()).toEqual({ ended: 1 });
    expect(await ender.runOnce()).toEqual({ ended: 0 });
    const { counts: _, state: ended, ...batch } = await showBatch(context, batch_id);
    expect(ended).toBe('ended');
    const [told, ...others] = await deliveries();
    expect(others).toEqual([]);
    expect(told).toMatchObject({ webhook_id: id, task_id: null });
    const none = { count: 0, exact: true };
    const counts = {
      ...{ pending: none, waiting: none, assigned: none, running: none },
      ...{ done: { count: 4, exact: true }, failed: { count: 1, exact: true }, cancelled: { count: 1, exact: true } },
    };
    expect(JSON.parse(told!.body)).toEqual({
      type: 'batch.ended',
      timestamp: batch.ended_at,
      data: { ...batch, batch_id: String(batch_id), counts },
    });
  });

  it('does not end before it is sealed; an empty one ends as soon as it is', async () => {
    const { batch_id } = await made(0, { name: 'open', open: true });
    expect(await ender.runOnce()).toEqual({ ended: 0 });
    expect(await seal(context, batch_id)).toMatchObject({ already: false, state: 'sealed' });
    expect(await ender.runOnce()).toEqual({ ended: 1 });
    expect(await seal(context, batch_id)).toMatchObject({ already: true, state: 'ended' });
  });

  it('ends without webhooks, and tells only those that ask for it, whatever their task types', async () => {
    await made(0);
    expect(await ender.runOnce()).toEqual({ ended: 1 });
    await hook({ event_types: ['task.done'] });
    const asks = await hook({ task_types: ['other'] });
    await made(0);
    expect(await ender.runOnce()).toEqual({ ended: 1 });
    expect((await deliveries()).map((one) => one.webhook_id)).toEqual([asks]);
  });

  it('waits for a task that is retried before it has ended, and is not opened again by one that is retried later', async () => {
    await hook();
    const { batch_id, ids } = await made(2);
    await set('done', ids);
    await set('failed', [ids[0]!]);
    await retryTasks(context, [ids[0]!], { force: false, by: actor() });
    expect(await ender.runOnce()).toEqual({ ended: 0 });
    await set('failed', [ids[0]!]);
    expect(await ender.runOnce()).toEqual({ ended: 1 });
    await retryTasks(context, [ids[0]!], { force: false, by: actor() });
    expect(await ender.runOnce()).toEqual({ ended: 0 });
    expect(await showBatch(context, batch_id)).toMatchObject({ state: 'ended', counts: { pending: { count: 1 } } });
    expect(await deliveries()).toHaveLength(1);
  });

  it('does not end by a leader whose term is over', async () => {
    const { batch_id } = await made(0);
    await expect((await another(2)).runOnce()).rejects.toThrow(NotLeader);
    expect(await state(batch_id)).toBe('sealed');
  });

  it('does not end if a task of it is open again by the time at which that would be written', async () => {
    const { batch_id, ids } = await made(1);
    await set('failed', ids);
    const duty = new DutySession(await given.db.session(), given.db.names, { holder: 'leader', term: 1 });
    const fenced = duty.fenced.bind(duty);
    vi.spyOn(duty, 'fenced').mockImplementationOnce(async (work) => {
      await retryTasks(context, ids, { force: false, by: actor() });
      return fenced(work);
    });
    expect(await new BatchEnder(duty).runOnce()).toEqual({ ended: 0 });
    expect(await state(batch_id)).toBe('sealed');
  });

  it('is reached in turn, however many others wait for their ends', async () => {
    const { names } = given.db;
    const open = Array.from({ length: 2100 }, (_, n) => n + 1);
    await given.session.write(
      `INSERT INTO ${names.batch} (id, name, created_at, created_by, sealed_at) VALUES ${open
        .map((n) => `(${n}, 'b', UTC_TIMESTAMP(3), 'ada', '2026-01-01' + INTERVAL ${n % 7} SECOND)`)
        .join(',')}`,
    );
    await given.session.write(
      `INSERT INTO ${names.task} (task_type, batch_id) VALUES ${open.map((n) => `('t', ${n})`).join(',')}`,
    );
    const { batch_id } = await made(0);
    const rounds: number[] = [];
    while (rounds.length < 3) rounds.push((await ender.runOnce()).ended);
    expect(rounds).toEqual([0, 1, 0]);
    expect(await state(batch_id)).toBe('ended');
  });

  it('is waited for by one connection, however often it is asked', async () => {
    const { batch_id } = await made(1);
    let opened = 0;
    const counted = { ...context, session: async () => context.session().finally(() => (opened += 1)) };
    await expect(waitForBatch(counted, batch_id, 0.6)).rejects.toMatchObject({ code: 'E_TIMED_OUT' });
    expect(opened).toBe(1);
  });
});
