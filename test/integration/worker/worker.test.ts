// A worker over its database: one case for each thing that it does. Turns that fail: unit/core/worker/claim/claimer.test.ts.
import { describe, expect } from 'vitest';
import { once, until } from '../../helpers/wait.ts';
import { eventsOf, hang, it } from '../../helpers/worked-tasks.ts';

describe('a worker', () => {
  it('gives the handler columns overlaid by task_data, and stores its result', async ({ work }) => {
    const about = { username: 'u@example.com', app_id: 'a', start_date: '2024-01-01' };
    const id = await work.add({ ...about, task_data: '{"app_id":"b","n":1}', priority: 7 });
    const tasks: unknown[] = [];
    work.start({ handlers: { t: (given) => ({ rows: tasks.push(given) }) } });
    await work.ended(id);
    expect(tasks).toEqual([
      {
        ...{ task_id: id, task_type: 't', priority: 7, timeout: 1800, retry_count: 0, attempt: 1, checkpoint: null },
        task_data: { ...about, app_id: 'b', n: 1 },
      },
    ]);
    expect(JSON.parse((await work.attempts(id))[0]!.result)).toEqual({ rows: 1 });
  });

  it('retries a failed attempt until its budget is spent, then leaves it failed', async ({ work }) => {
    const id = await work.add({ max_retry_count: 2 });
    work.start({ handlers: { t: () => Promise.reject(new Error('no luck')) } });
    await work.ended(id, 'failed');
    expect(await work.task(id)).toMatchObject({ retry: 3, attempt: 3, last_error: 'no luck' });
    expect((await work.attempts(id)).map((one) => one.status)).toEqual(Array(3).fill('failed'));
  });

  it.for([
    ['its handler', null, 0.2],
    ['its own, before that of its handler', 1, 1000],
  ] as const)(
    'ends an attempt at the timeout of %s, spending one of the budget',
    async ([, own, timeout], { work }) => {
      const id = await work.add({ max_retry_count: 0, execution_timeout: own });
      work.start({ handlers: { t: { call: hang, timeout } } });
      await work.ended(id, 'failed');
      expect((await work.attempts(id))[0]).toMatchObject({ status: 'timeout', error_class: 'timeout' });
    },
  );

  it('ends with E_STUCK when all slots are stuck for longer than stuck_timeout', async ({ work }) => {
    await work.add({ max_retry_count: 0 });
    const worker = work.start({
      worker: { max_concurrent_tasks: 1, kill_grace: 0.05, stuck_timeout: 0.2 },
      handlers: { t: { call: () => new Promise(() => {}), timeout: 0.1 } },
    });
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_STUCK', exitCode: 1 });
    expect(eventsOf(worker, 'task:stuck')).toHaveLength(1);
  });

  it('inserts follow-up tasks with the finish, and runs them; one that is refused fails its attempt alone', async ({
    work,
  }) => {
    const [parent, bad] = [await work.add(), await work.add({ max_retry_count: 0, username: 'bad' })];
    const names: unknown[] = [];
    work.start({
      handlers: {
        t(given, ctx) {
          if (given.task_data.username === 'bad') ctx.enqueue({ task_type: 'x', start_date: '2024-02-31' });
          else for (const n of [1, 2, 3]) ctx.enqueue({ task_type: 'child', username: `c${n}`, dedupe_key: `k${n}` });
        },
        child: (given) => names.push(given.task_data.username),
      },
    });
    await work.ended(parent);
    await work.ended(bad, 'failed');
    await until(() => names.length === 3);
    expect((await work.task(bad)).last_error).toMatch(/start_date|2024-02-31/);
    const children = await work.session.rows(`SELECT parent_id FROM ${work.names.task} WHERE task_type = 'child'`);
    expect(children).toEqual(Array(3).fill({ parent_id: parent }));
  });

  it('drains: finishes what runs, claims nothing more, and signs off', async ({ work }) => {
    let finish = () => {};
    const first = await work.add();
    const worker = work.start({
      worker: { max_concurrent_tasks: 1 },
      handlers: { t: () => new Promise<void>((done) => (finish = done)) },
    });
    await once(worker.events, 'task:started');
    const second = await work.add();
    const stopping = worker.stop();
    await once(worker.events, 'worker:draining');
    finish();
    expect(await stopping).toMatchObject({ inTime: true, finished: { done: 1 } });
    expect([(await work.task(first)).status, (await work.task(second)).status]).toEqual(['done', 'pending']);
    expect(await work.device()).toMatchObject({ status: 'offline', current_tasks: 0 });
  });
});
