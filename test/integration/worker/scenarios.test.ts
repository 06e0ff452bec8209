import { expect } from 'vitest';
import { once, until } from '../../helpers/wait.ts';
import { eventsOf, heartbeats, it } from '../../helpers/worked-tasks.ts';

const handlers = { t: () => 1 };

/** A handler whose calls end when they are let go. */
function waiting() {
  const calls: Array<() => void> = [];
  return { calls, handlers: { t: () => new Promise<void>((done) => calls.push(done)) } };
}

it('A6 a worker claims, runs and writes under the one identity that it printed at its start', async ({ work }) => {
  const id = await work.add();
  const ids: string[] = [];
  const worker = work.start({ deviceId: 'worker-001', handlers: { t: (_, ctx) => ids.push(ctx.device_id) } });
  ids.push((await once(worker.events, 'worker:started')).device_id);
  await work.ended(id);
  ids.push((await work.attempts(id))[0]!.device_id);
  expect(ids).toEqual(Array(3).fill('worker-001'));
});

it('A7 a second live process with the same device id is refused, also in other letters; without an id it gets the next one', async ({
  work,
}) => {
  const first = work.start({ deviceId: 'Box', handlers });
  await once(first.events, 'worker:started');
  const second = work.start({ deviceId: 'bOX', handlers });
  await expect(second.ended).rejects.toMatchObject({ code: 'E_DEVICE_RUNNING', exitCode: 5 });
  const names: string[] = [];
  for (let n = 0; n < 2; n += 1) {
    const nameless = work.start({ handlers, worker: { device_id: undefined } });
    names.push((await once(nameless.events, 'worker:started')).device_id);
  }
  expect(names).toEqual(['test-host', 'test-host-2']);
});

it('A8, A9 tasks that are directed at a busy device count against no slot, and run as soon as one is free', async ({
  work,
}) => {
  const { calls, handlers: held } = waiting();
  const first = await work.add();
  work.start({ worker: { max_concurrent_tasks: 1 }, handlers: held });
  await until(() => calls.length === 1);
  await until(async () => (await work.device()).status === 'busy');
  const directed = await work.addMany(2, { status: 'assigned', target_device_id: 'w1' });
  const theirs = await work.add({ status: 'assigned', target_device_id: 'w2' });
  for (const n of [1, 2, 3]) (await until(() => calls.length === n && calls[n - 1]))();
  await work.ended([first, ...directed]);
  expect((await work.task(theirs)).status).toBe('assigned');
});

it('A10 a heartbeat never changes what an operator said: a paused device stays paused, and claims again when it is active', async ({
  work,
}) => {
  const worker = work.start({ handlers, worker: { leader: true } });
  await once(worker.events, 'worker:started');
  const set = (state: string) => work.session.write(`UPDATE ${work.names.device} SET operator_state = ?`, [state]);
  const paused = once(worker.events, 'device:operator-state');
  await set('paused');
  await paused;
  const id = await work.add();
  await heartbeats(worker, 4);
  expect(await work.device()).toMatchObject({ operator_state: 'paused', status: 'online' });
  expect((await work.task(id)).status).toBe('pending');
  await set('active');
  await work.ended(id);
});

it('A13, D3 a device runs as many tasks at once as it said itself, and is busy with as many, not with fewer', async ({
  work,
}) => {
  const { calls, handlers: held } = waiting();
  const ids = await work.addMany(1);
  const worker = work.start({ worker: { max_concurrent_tasks: 2, leader: true }, handlers: held });
  await until(() => calls.length === 1);
  expect((await once(worker.events, 'device:heartbeat')).status).toBe('online');
  ids.push(...(await work.addMany(2)));
  await once(worker.events, 'device:heartbeat', (one) => one.status === 'busy');
  expect(await work.device()).toMatchObject({ max_concurrent_tasks: 2, current_tasks: 2 });
  expect([calls.length, (await work.task(ids[2]!)).status]).toEqual([2, 'pending']);
  for (const n of [0, 1, 2]) (await until(() => calls[n]))();
  await once(worker.events, 'device:heartbeat', (one) => one.status === 'online');
  await work.ended(ids);
});

it('B10 two services in one process are two: stopping one leaves the other alone', async ({ work }) => {
  const first = work.start({ deviceId: 'a', handlers });
  const second = work.start({ deviceId: 'b', handlers, worker: { leader: true } });
  await Promise.all([once(first.events, 'worker:started'), once(second.events, 'worker:started')]);
  await first.stop();
  const id = await work.add();
  await work.ended(id);
  expect(await work.attempts(id)).toMatchObject([{ device_id: 'b' }]);
});

it('G5 a device writes one small row of history per heartbeat, also while it works and leads', async ({ work }) => {
  const interval = 0.4;
  const worker = work.start({ handlers, worker: { leader: true, heartbeat_interval: interval } });
  await once(worker.events, 'leader:gained');
  for (let n = 0; n < 4; n += 1) {
    await work.add();
    await heartbeats(worker, 1);
  }
  await worker.stop();
  const rows = await work.session.rows(
    `SELECT TIMESTAMPDIFF(MICROSECOND, LAG(heartbeat_time) OVER (ORDER BY id), heartbeat_time) / 1e6 AS gap,
       LENGTH(COALESCE(system_info, '')) AS bytes FROM ${work.names.heartbeat} WHERE device_id = 'w1' ORDER BY id`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(4);
  // The first heartbeat is the registration itself.
  expect(rows.length).toBeLessThanOrEqual(eventsOf(worker, 'device:heartbeat').length + 1);
  expect(Math.min(...rows.slice(1).map((row) => Number(row.gap)))).toBeGreaterThan(interval / 2);
  expect(Math.max(...rows.map((row) => Number(row.bytes)))).toBeLessThan(1024);
});
