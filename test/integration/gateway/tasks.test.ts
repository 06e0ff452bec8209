// Adding, listing, showing and waiting for tasks over HTTP.
import { describe, expect } from 'vitest';
import { newTasksAnswer } from '../../../src/http/new-task-contract.ts';
import { problem } from '../../../src/http/problem.ts';
import { resultAnswer, taskAnswer, tasksAnswer, waitAnswer } from '../../../src/http/task-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import {
  insertAttempt,
  insertDevice,
  insertRunning,
  insertTask,
  insertWorker,
  readTask,
} from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { db, session, names, gateway, get, post } = {} as GatewayApi;
eachWithGateway((opened) => ({ db, session, names, gateway, get, post } = opened));

const listed = async (query: string) => {
  const { status, json } = await get(`/tasks?${query}`);
  expect(status, JSON.stringify(json)).toBe(200);
  expectDescribed(tasksAnswer, json);
  return json;
};
const idsOf = (json: { tasks: Array<{ task_id: string }> }) => json.tasks.map((one) => Number(one.task_id));

describe('POST /tasks', () => {
  it('adds one task, and says what is odd about it', async () => {
    await insertWorker(session, names, 'w1');
    const { status, json } = await post('/tasks', { task_type: 'sync_dta', task_data: { n: 1 }, priority: 9 });
    expect(status).toBe(201);
    expectDescribed(newTasksAnswer, json);
    expect(json.tasks).toMatchObject([{ created: true }]);
    expect(json.warnings).toEqual([expect.stringContaining('did you mean "sync_data"')]);
    const row = await readTask(session, names, Number(json.tasks[0].task_id));
    expect(row).toMatchObject({ task_type: 'sync_dta', priority: 9, status: 'pending' });
  });

  it('adds up to 1,000 in one transaction, each key once', async () => {
    const tasks = Array.from({ length: 1000 }, (_, n) => ({ task_type: 'sync_data', dedupe_key: `k${n % 998}` }));
    const { status, json } = await post('/tasks', tasks);
    expect(status).toBe(201);
    expect(json.tasks.filter((one: { created: boolean }) => one.created)).toHaveLength(998);
    expect(json.tasks[998]).toEqual({ task_id: json.tasks[0].task_id, created: false });
    const again = await post('/tasks', tasks.slice(0, 2));
    expect(again.status).toBe(200);
    expect(again.json.tasks.map((one: { task_id: string }) => one.task_id)).toEqual([
      json.tasks[0].task_id,
      json.tasks[1].task_id,
    ]);
    expect(await session.rows(`SELECT id FROM ${names.task}`)).toHaveLength(998);
  });

  it.for<[string, unknown, RegExp]>([
    ['a member that it does not know', { task_type: 't', priorty: 3 }, /priorty is unknown/],
    [
      'a value that cannot be, with its place',
      [{ task_type: 't' }, { task_type: 't', priority: 11 }],
      /task\[1\]\.priority/,
    ],
    ['no task', [], /has 0 tasks/],
    ['too many', Array.from({ length: 1001 }, () => ({ task_type: 't' })), /has 1001 tasks/],
    ['what is no task', 5, /must be an object/],
    ['nothing', null, /must be an object/],
  ])('refuses %s, and adds nothing', async ([, body, message]) => {
    const { status, json } = await post('/tasks', body);
    expect(status).toBe(400);
    expectDescribed(problem, json);
    expect(json).toMatchObject({ code: 'E_USAGE', detail: expect.stringMatching(message) });
    expect(await session.rows(`SELECT id FROM ${names.task}`)).toEqual([]);
  });
});

describe('GET /tasks', () => {
  it('goes through the tasks page by page, newest first; what is added meanwhile moves nothing', async () => {
    const all = [];
    for (let n = 0; n < 5; n += 1) all.push(await insertTask(session, names));
    const first = await listed('limit=2');
    expect(first).toMatchObject({ total: { count: 5, exact: true }, searched_to: null });
    await insertTask(session, names);
    const second = await listed(`limit=2&cursor=${first.cursor}`);
    const third = await listed(`limit=2&cursor=${second.cursor}`);
    expect([first, second, third].flatMap(idsOf)).toEqual([...all].reverse());
    expect([second.total, third.cursor]).toEqual([null, null]);
  });

  it('takes every condition, several statuses among them', async () => {
    await insertTask(session, names);
    const columns = {
      task_type: 'u',
      username: 'a@b',
      app_id: 'x',
      priority: 7,
      parent_id: 3,
      batch_id: 4,
      concurrency_key: 'c',
      dedupe_key: 'd',
      status: 'failed',
      last_error: 'some timeout',
      target_device_id: 'w1',
    };
    const wanted = await insertTask(session, names, columns);
    const conditions = {
      status: 'failed,cancelled',
      task_type: 'u',
      username: 'a@b',
      app_id: 'x',
      priority: '7',
      parent_id: '3',
      batch_id: '4',
      concurrency_key: 'c',
      dedupe_key: 'd',
      error: 'timeout',
      device_id: 'w1',
      created_from: '2001-01-01T00:00:00Z',
      created_to: '2037-01-01T00:00:00Z',
    };
    for (const [name, value] of Object.entries(conditions)) {
      const query = new URLSearchParams(
        name.startsWith('created') ? { [name]: value, task_type: 'u' } : { [name]: value },
      );
      expect(idsOf(await listed(`${query}`)), name).toEqual([wanted]);
    }
    expect(idsOf(await listed(`${new URLSearchParams(conditions)}`))).toEqual([wanted]);
    expect(idsOf(await listed('finished_from=2001-01-01T00:00:00Z'))).toEqual([wanted]);
    expect(idsOf(await listed('finished_to=2001-01-01T00:00:00Z'))).toEqual([]);
  });

  it('counts what fits, exactly', async () => {
    for (let n = 0; n < 3; n += 1)
      await insertTask(session, names, { status: 'failed', task_type: n === 0 ? 'u' : 't' });
    await insertTask(session, names, { task_type: 'u' });
    for (const [query, count] of [
      ['', 4],
      ['status=failed', 3],
      ['status=failed&task_type=t', 2],
      ['task_type=u', 2],
      ['device_id=w1', 0],
    ] as const)
      expect((await listed(`limit=1&${query}`)).total, query).toEqual({
        count,
        exact: query !== 'task_type=u',
      });
    // The walk found them all.
    expect((await listed('task_type=u')).total).toEqual({ count: 2, exact: true });
  });

  it('shows rows of other programs, whatever is in them', async () => {
    await insertTask(session, names, { status: null, priority: null, retry: null, task_data: '[1]', created_at: null });
    const { status, json } = await get('/tasks');
    expect(status).toBe(200);
    expect(json.tasks).toMatchObject([{ status: null, task_data: [1], created_at: null }]);
  });

  it('answers 304 to a client that has the list, until it changes', async () => {
    await insertTask(session, names);
    const first = await get('/tasks');
    const tag = first.headers.get('etag')!;
    const same = await get('/tasks', { headers: { 'if-none-match': tag } });
    expect([same.status, same.json, same.headers.get('etag')]).toEqual([304, undefined, tag]);
    await insertTask(session, names);
    expect((await get('/tasks', { headers: { 'if-none-match': tag } })).status).toBe(200);
  });

  it.for<[string, string, RegExp]>([
    ['a parameter that it does not know', 'stauts=failed', /stauts/],
    ['a status that does not exist', 'status=failed,lost', /separated by commas/],
    ['a limit out of range', 'limit=501', /limit/],
    ['a time without its zone', 'created_from=2024-01-01T00:00:00', /created_from/],
    ['a cursor that is none', 'cursor=abc', /cursor is not valid/],
    ['an id that is none', 'parent_id=0', /parent_id/],
  ])('refuses %s', async ([, query, message]) => {
    const { status, json } = await get(`/tasks?${query}`);
    expect([status, json.code]).toEqual([400, 'E_USAGE']);
    expect(json.detail).toMatch(message);
  });

  it('refuses the cursor of another list', async () => {
    for (let n = 0; n < 2; n += 1) await insertTask(session, names);
    const { cursor } = await listed('limit=1');
    const { status, json } = await get(`/tasks?limit=1&status=pending&cursor=${cursor}`);
    expect([status, json.detail]).toEqual([400, expect.stringContaining('another filter')]);
  });
});

describe('GET /tasks/{id}', () => {
  it('shows attempts, progress, checkpoint, and why it waits', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const task_id = await insertTask(session, names, { attempt: 1, last_error: 'no' });
    await insertAttempt(session, names, { device, task_id, columns: { status: 'failed', error_message: 'no' } });
    await session.write(
      `INSERT INTO ${names.progress} (task_id, attempt, device_id, done, total, updated_at) VALUES (?, 1, 'w1', 3, 10, UTC_TIMESTAMP(3))`,
      [task_id],
    );
    await session.write(
      `INSERT INTO ${names.checkpoint} (task_id, attempt, value, task_created_at, written_at)
       SELECT id, 1, '[1]', created_at, UTC_TIMESTAMP(3) FROM ${names.task}`,
    );
    const { status, json } = await get(`/tasks/${task_id}`);
    expect(status).toBe(200);
    expectDescribed(taskAnswer, json);
    expect(json.task).toMatchObject({
      task_id: String(task_id),
      last_error: 'no',
      attempts: [{ attempt: 1, status: 'failed', error_message: 'no', progress: { done: 3 } }],
      progress: { done: 3, total: 10 },
      checkpoint: { attempt: 1, bytes: 3 },
      waiting: { why: expect.stringContaining('w1'), devices: [{ device_id: 'w1' }] },
    });
  });

  it('has the result of an attempt, digit by digit', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const task_id = await insertTask(session, names, { status: 'done', attempt: 1 });
    expect((await get(`/tasks/${task_id}/result`)).status).toBe(404);
    const result = '{"n":12345678901234567890}';
    await insertAttempt(session, names, { device, task_id, columns: { status: 'completed', result } });
    const response = await fetch(`${gateway.url}/api/v1/tasks/${task_id}/result`);
    const text = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(text.replaceAll(' ', '')).toContain('"n":12345678901234567890');
    expectDescribed(resultAnswer, JSON.parse(text));
    expect((await get(`/tasks/${task_id}/result?attempt=2`)).status).toBe(404);
  });

  it('is 404 for a task that does not exist, and 400 for an id that is none', async () => {
    for (const path of ['', '/result', '/wait', '/logs']) {
      expect((await get(`/tasks/999${path}`)).json, path).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
      expect((await get(`/tasks/x${path}`)).status, path).toBe(400);
    }
  });
});

describe('GET /tasks/{id}/wait', () => {
  const end = (id: number) =>
    session.write(`UPDATE ${names.task} SET status = 'done', finished_at = UTC_TIMESTAMP(3) WHERE id = ?`, [id]);

  it('answers when the task has ended', async () => {
    const id = await insertTask(session, names);
    const waiting = get(`/tasks/${id}/wait?seconds=60`);
    await until(() => gateway.gateway.taskWatch.waiting === 1);
    await end(id);
    const { json } = await waiting;
    expectDescribed(waitAnswer, json);
    expect(json).toMatchObject({ task_id: String(id), status: 'done', ended: true });
    expect((await get(`/tasks/${id}/wait`)).json.ended).toBe(true);
  });

  it('answers with what is known when the time is over', async () => {
    const id = await insertTask(session, names);
    expect((await get(`/tasks/${id}/wait?seconds=0.05`)).json).toMatchObject({ status: 'pending', ended: false });
    expect((await get(`/tasks/${id}/wait?seconds=0`)).json.ended).toBe(false);
    expect((await get(`/tasks/${id}/wait?seconds=61`)).status).toBe(400);
  });

  it('holds no session, and reads for all who wait at once', async () => {
    const ids = [await insertTask(session, names), await insertTask(session, names)];
    const all = Array.from({ length: 300 }, (_, n) => get(`/tasks/${ids[n % 2]}/wait?seconds=60`));
    await until(() => gateway.gateway.taskWatch.waiting === 300);
    expect(gateway.gateway.requests.busy).toBeLessThanOrEqual(1);
    expect((await get('/tasks')).status).toBe(200);
    await Promise.all(ids.map(end));
    expect((await Promise.all(all)).every(({ json }) => json.ended)).toBe(true);
    expect(gateway.gateway.taskWatch.waiting).toBe(0);
  });

  it('forgets a client that goes away', async () => {
    const id = await insertTask(session, names);
    const gone = new AbortController();
    const waiting = get(`/tasks/${id}/wait?seconds=60`, { signal: gone.signal }).catch(() => 'gone');
    await until(() => gateway.gateway.taskWatch.waiting === 1);
    gone.abort();
    expect(await waiting).toBe('gone');
    await until(() => gateway.gateway.taskWatch.waiting === 0);
  });

  it('answers everybody when the gateway stops', async () => {
    const { task_id } = await insertRunning(session, names, 'w1');
    const waiting = get(`/tasks/${task_id}/wait?seconds=60`);
    await until(() => gateway.gateway.taskWatch.waiting === 1);
    await stopGateways();
    expect((await waiting).json).toMatchObject({ status: 'running', ended: false });
  });
});
