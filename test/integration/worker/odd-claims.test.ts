// What a claim meets that no claim should end by: rows that the server refuses.
import { describe, expect } from 'vitest';
import { batchesThrough, eventsOf, it } from '../../helpers/worked-tasks.ts';

const handlers = { t: () => 'fine' };

describe('a row that the server refuses', () => {
  it.for([
    ['whose row a constraint refuses is put aside alone', "status = 'running'", 'failed'],
    ['whose row cannot be changed at all is left alone', "status <> 'pending'", 'pending'],
  ] as const)('finding F8: a task %s, which is said once', async ([, refused, becomes], { work }) => {
    const odd = await work.add({ username: 'odd' });
    const good = await work.addMany(8);
    await work.session.write(
      `ALTER TABLE ${work.names.task} ADD CONSTRAINT no_odd_rows CHECK (NOT (COALESCE(username = 'odd' AND ${refused}, FALSE)))`,
    );
    try {
      let transactions = 0;
      const onSession = batchesThrough((statements, send) => {
        if (statements[0]?.sql === 'START TRANSACTION') transactions += 1;
        return send(statements);
      });
      const worker = work.start({ handlers, onSession });
      await work.ended(good);
      await work.ended(odd, becomes);
      await expect.poll(() => eventsOf(worker, 'task:set-aside').length).toBe(1);
      const before = transactions;
      await work.ended(await work.add());
      expect(transactions - before).toBeLessThan(30);
      const failed = becomes === 'failed';
      expect(eventsOf(worker, 'task:set-aside')).toMatchObject([{ data: { task_id: odd, failed } }]);
      if (failed) expect((await work.task(odd)).last_error).toMatch(/cannot be claimed.*no_odd_rows/);
      expect(await work.attempts(odd)).toEqual([]);
    } finally {
      await work.session.write(`ALTER TABLE ${work.names.task} DROP CONSTRAINT no_odd_rows`);
    }
  });

  it('finding F10: an error that is longer than its column is cut, and the try is counted', async ({ work }) => {
    await work.session.write(`ALTER TABLE ${work.names.task} MODIFY last_error VARCHAR(64) NULL`);
    try {
      const id = await work.add({ max_retry_count: 0 });
      work.start({ handlers: { t: () => Promise.reject(new Error('x'.repeat(500))) } });
      await work.ended(id, 'failed');
      expect((await work.task(id)).last_error).toHaveLength(64);
      expect((await work.attempts(id))[0]!.error_message.length).toBeGreaterThan(400);
    } finally {
      await work.session.write(`ALTER TABLE ${work.names.task} MODIFY last_error TEXT NULL`);
    }
  });
});

it('finding R1: ids of attempts hold when the step of AUTO_INCREMENT changes between two claims', async ({ work }) => {
  let step = 1;
  const onSession = batchesThrough(async (statements, send) => {
    if (statements[0]?.sql === 'START TRANSACTION') {
      step = (step % 7) + 1;
      await send([{ sql: `SET SESSION auto_increment_increment = ${step}` }]);
    }
    return send(statements);
  });
  const ids = await work.addMany(30);
  work.start({ handlers: { t: ({ task_id }) => ({ task_id }) }, onSession });
  await work.ended(ids);
  for (const id of ids) {
    const [one, ...more] = await work.attempts(id);
    expect([one!.status, JSON.parse(one!.result).task_id, more]).toEqual(['completed', id, []]);
  }
});
