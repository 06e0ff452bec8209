import { afterEach, expect } from 'vitest';
import { listDevices } from '../../../src/core/db/devices/list-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { runLeader } from '../../../src/core/leader/run-leader.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, testContext } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const device = async (id: string) =>
  (await session.rows(`SELECT * FROM ${db.names.device} WHERE device_id = ?`, [id]))[0]!;
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 10_000, `task ${id} ${status}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const holders = async (id: number) =>
  (await session.rows(`SELECT device_id FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id])).map(
    (one) => one.device_id,
  );

it('A5 a node that executes nothing never gets a task, whatever waits', async () => {
  const id = await add();
  const context = testContext(db, { worker: { device_id: 'leader-1' } });
  const stop = new AbortController();
  const published = once(context.events, 'leader:duty', (one) => one.duty === 'publish-lanes');
  const leading = runLeader(context, { hostname: 'h', version: '0', stop: stop.signal });
  await published;
  for (let n = 0; n < 3; n += 1) await once(context.events, 'device:heartbeat');
  expect(await device('leader-1')).toMatchObject({ device_type: 'master', status: 'online' });
  expect(await task(id)).toMatchObject({ status: 'pending', attempt: 0 });
  stop.abort();
  await leading;
  await context.close();
});

it('A6 a worker claims, runs and writes under the one identity that it printed at its start', async () => {
  const id = await add();
  const ids: string[] = [];
  const worker = startWorker(db, { deviceId: 'worker-001', handlers: { t: (_, ctx) => ids.push(ctx.device_id) } });
  const started = await once(worker.events, 'worker:started');
  await ended(id, 'done');
  expect([started.device_id, ...ids, ...(await holders(id))]).toEqual(['worker-001', 'worker-001', 'worker-001']);
  expect((await device('worker-001')).device_id).toBe('worker-001');
});

it('A7 a second live process with the same device id is refused, also in other letters; without an id it gets the next one', async () => {
  const first = startWorker(db, { deviceId: 'Box', handlers: { t: () => 1 } });
  await once(first.events, 'worker:started');
  const second = startWorker(db, { deviceId: 'bOX', handlers: { t: () => 1 } });
  await expect(second.ended).rejects.toMatchObject({ code: 'E_DEVICE_RUNNING', exitCode: 5 });
  const names: string[] = [];
  for (let n = 0; n < 2; n += 1) {
    const nameless = startWorker(db, { handlers: { t: () => 1 }, worker: { device_id: undefined } });
    names.push((await once(nameless.events, 'worker:started')).device_id);
  }
  expect(names).toEqual(['test-host', 'test-host-2']);
});

it('A8 tasks that were directed at a device do not count against the slots to run them', async () => {
  const ids = [
    await add({ status: 'assigned', target_device_id: 'w1' }),
    await add({ status: 'assigned', target_device_id: 'w1' }),
  ];
  startWorker(db, { worker: { max_concurrent_tasks: 1 }, handlers: { t: () => 1 } });
  for (const id of ids) await ended(id, 'done');
});

it('A9 a busy device gets what was directed at it as soon as a slot is free', async () => {
  let finish = () => {};
  const first = await add();
  const worker = startWorker(db, {
    worker: { max_concurrent_tasks: 1 },
    handlers: { t: (given) => (given.task_id === first ? new Promise<void>((done) => (finish = done)) : 1) },
  });
  await once(worker.events, 'task:started');
  await until(async () => (await device('w1')).status === 'busy');
  const directed = await add({ status: 'assigned', target_device_id: 'w1' });
  finish();
  await ended(directed, 'done');
});

it('A10 a heartbeat never changes what an operator said: a paused device stays paused, and claims again when it is active', async () => {
  const worker = startWorker(db, { handlers: { t: () => 1 }, worker: { leader: true } });
  await once(worker.events, 'worker:started');
  const paused = once(worker.events, 'device:operator-state');
  await session.write(`UPDATE ${db.names.device} SET operator_state = 'paused'`);
  await paused;
  const id = await add();
  for (let n = 0; n < 4; n += 1) await once(worker.events, 'device:heartbeat');
  expect(await device('w1')).toMatchObject({ operator_state: 'paused', status: 'online' });
  expect((await task(id)).status).toBe('pending');
  await session.write(`UPDATE ${db.names.device} SET operator_state = 'active'`);
  await ended(id, 'done');
});

it('A12 a task goes only to a device that has what it requires; one that no device can run stays pending', async () => {
  const browser = await add({ required_capabilities: '{"browser_support":true,"memory_gb":8}' });
  const impossible = await add({ required_capabilities: '{"region":"mars"}' });
  const plain = startWorker(db, {
    deviceId: 'plain',
    handlers: { t: () => 1 },
    worker: { leader: true, capabilities: { memory_gb: 64 } },
  });
  await once(plain.events, 'worker:started');
  const able = startWorker(db, {
    deviceId: 'able',
    handlers: { t: () => 1 },
    worker: { capabilities: { browser_support: true, memory_gb: 16 } },
  });
  await once(able.events, 'worker:started');
  await ended(browser, 'done');
  expect(await holders(browser)).toEqual(['able']);
  expect(await task(impossible)).toMatchObject({ status: 'pending', attempt: 0 });
});

it('A13 a device runs as many tasks at once as it said itself', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => add()));
  const waiting: Array<() => void> = [];
  startWorker(db, {
    worker: { max_concurrent_tasks: 7 },
    handlers: { t: () => new Promise<void>((done) => waiting.push(done)) },
  });
  await until(() => waiting.length === 7);
  await until(async () => (await device('w1')).status === 'busy');
  expect(await device('w1')).toMatchObject({ max_concurrent_tasks: 7, current_tasks: 7 });
  expect((await task(ids[7]!)).status).toBe('pending');
  while (waiting.length > 0) waiting.pop()!();
  await until(() => waiting.length === 1);
  waiting.pop()!();
  for (const id of ids) await ended(id, 'done');
});

it('B10 two services in one process are two: stopping one leaves the other alone', async () => {
  const [first, second] = [
    startWorker(db, { deviceId: 'a', handlers: { t: () => 1 } }),
    startWorker(db, { deviceId: 'b', handlers: { t: () => 1 }, worker: { leader: true } }),
  ];
  await Promise.all([once(first.events, 'worker:started'), once(second.events, 'worker:started')]);
  await first.stop();
  const id = await add();
  await ended(id, 'done');
  expect(await holders(id)).toEqual(['b']);
});

it('D1 the number of running tasks is counted from open attempts, whatever the cached figure says', async () => {
  const id = await add();
  let finish = () => {};
  const worker = startWorker(db, { handlers: { t: () => new Promise<void>((done) => (finish = done)) } });
  await once(worker.events, 'task:started');
  await session.write(`UPDATE ${db.names.device} SET current_tasks = 99`);
  const count = async () => (await listDevices(session, db.names)).find((one) => one.device_id === 'w1')?.current_tasks;
  expect(await count()).toBe(1);
  finish();
  await ended(id, 'done');
  expect(await count()).toBe(0);
});

it('D2 a device that crashed with all slots used works again after its restart', async () => {
  const dead = await insertDevice(session, db.names, {
    device_id: 'w1',
    columns: { status: 'busy', current_tasks: 5, max_concurrent_tasks: 5 },
  });
  const rows = await Promise.all(
    Array.from({ length: 5 }, () => insertAttempt(session, db.names, { device: dead, task: { task_type: 't' } })),
  );
  const worker = startWorker(db, { handlers: { t: () => 1 } });
  await once(worker.events, 'worker:started');
  for (const row of rows) await ended(row.task_id, 'done');
  const attempts = await session.rows(
    `SELECT status, cause, COUNT(*) AS n FROM ${db.names.assignment} GROUP BY status, cause ORDER BY status`,
  );
  expect(attempts.map((one) => [one.status, one.cause, one.n])).toEqual([
    ['completed', null, 5],
    ['lost', 'superseded', 5],
  ]);
});

it('D3 a device of capacity 2 is busy with two tasks, not with one', async () => {
  const waiting: Array<() => void> = [];
  await add();
  const worker = startWorker(db, {
    worker: { max_concurrent_tasks: 2, leader: true },
    handlers: { t: () => new Promise<void>((done) => waiting.push(done)) },
  });
  await until(() => waiting.length === 1);
  expect((await once(worker.events, 'device:heartbeat')).status).toBe('online');
  await add();
  await until(() => waiting.length === 2);
  await once(worker.events, 'device:heartbeat', (one) => one.status === 'busy');
  for (const done of waiting) done();
  await once(worker.events, 'device:heartbeat', (one) => one.status === 'online');
});
