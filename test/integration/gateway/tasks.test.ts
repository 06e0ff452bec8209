// Adding, listing, showing and waiting for tasks over HTTP.
import { describe, expect } from 'vitest';
import { newTasksAnswer } from '../../../src/http/new-task-contract.ts';
import { problem } from '../../../src/http/problem.ts';
import { resultAnswer, taskAnswer, tasksAnswer, waitAnswer } from '../../../src/http/task-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt, insertDevice, insertTask, insertWorker, readTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, gateway, get, post } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, gateway, get, post } = opened));

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
    expectDescribed(newTasksAnswer, json);
    const warnings = [expect.stringContaining('did you mean "sync_data"')];
    expect({ status, ...json }).toMatchObject({ status: 201, tasks: [{ created: true }], warnings });
    const row = await readTask(session, names, Number(json.tasks[0].task_id));
    expect(row).toMatchObject({ task_type: 'sync_dta', priority: 9, status: 'pending' });
  });

  it('adds up to 1,000 in one transaction, each key once', async () => {
    const tasks = Array.from({ length: 1000 }, (_, n) => ({ task_type: 'sync_data', dedupe_key: `k${n % 998}` }));
    const { status, json } = await post('/tasks', tasks);
    expect(status).toBe(201);
    expect(json.tasks.filter((one: { created: boolean }) => one.created)).toHaveLength(998);
    const known = [0, 1].map((n) => ({ task_id: json.tasks[n].task_id, created: false }));
    expect(json.tasks.slice(998)).toEqual(known);
    expect(await post('/tasks', tasks.slice(0, 2))).toMatchObject({ status: 200, json: { tasks: known } });
    expect(await session.rows(`SELECT id FROM ${names.task}`)).toHaveLength(998);
  });

  const place = [{ task_type: 't' }, { task_type: 't', priority: 11 }];
  it.for<[string, unknown, RegExp]>([
    ['a member that it does not know', { task_type: 't', priorty: 3 }, /priorty is unknown/],
    ['a value that cannot be, with its place', place, /task\[1\]\.priority/],
    ['no task', [], /has 0 tasks/],
    ['too many', Array.from({ length: 1001 }, () => ({ task_type: 't' })), /has 1001 tasks/],
    ['what is no task', 5, /must be an object/],
    ['nothing', null, /must be an object/],
  ])('refuses %s, and adds nothing', async ([, body, message]) => {
    const { json } = await post('/tasks', body);
    expectDescribed(problem, json);
    expect(json).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.stringMatching(message) });
    expect(await session.rows(`SELECT id FROM ${names.task}`)).toEqual([]);
  });
});

describe('GET /tasks', () => {
  it('goes through the tasks page by page, newest first; what is added meanwhile moves nothing', async () => {
    const all = [];
    for (let n = 0; n < 5; n += 1) all.unshift(await insertTask(session, names));
    const first = await listed('limit=2');
    expect(first).toMatchObject({ total: { count: 5, exact: true }, searched_to: null });
    await insertTask(session, names);
    const second = await listed(`limit=2&cursor=${first.cursor}`);
    const third = await listed(`limit=2&cursor=${second.cursor}`);
    expect([first, second, third].flatMap(idsOf)).toEqual(all);
    expect([second.total, third.cursor]).toEqual([null, null]);
    const other = await get(`/tasks?limit=1&status=pending&cursor=${first.cursor}`);
    expect([other.status, other.json.detail]).toEqual([400, expect.stringContaining('another filter')]);
  });

  it('takes every condition, several statuses among them', async () => {
    await insertTask(session, names);
    const same = { task_type: 'u', username: 'a@b', app_id: 'x', concurrency_key: 'c', dedupe_key: 'd' };
    const columns = { ...same, ...{ priority: 7, parent_id: 3, batch_id: 4, status: 'failed' } };
    const wanted = await insertTask(session, names, { ...columns, last_error: 'timeout', target_device_id: 'w1' });
    const conditions = {
      ...{ ...same, status: 'failed,cancelled', priority: '7', parent_id: '3', batch_id: '4', error: 'timeout' },
      ...{ device_id: 'w1', finished_from: '2001-01-01T00:00:00Z' },
    };
    const times = { created_from: '2001-01-01T00:00:00Z', created_to: '2037-01-01T00:00:00Z' };
    for (const [name, value] of Object.entries(conditions))
      expect(idsOf(await listed(`${new URLSearchParams({ [name]: value })}`)), name).toEqual([wanted]);
    expect(idsOf(await listed(`${new URLSearchParams({ ...conditions, ...times })}`))).toEqual([wanted]);
    for (const none of ['finished_to=2001-01-01T00:00:00Z', 'created_to=2001-01-01T00:00:00Z'])
      expect(idsOf(await listed(none)), none).toEqual([]);
  });

  it('counts what fits, exactly once the walk has found them all', async () => {
    for (const task_type of ['u', 't', 't']) await insertTask(session, names, { status: 'failed', task_type });
    await insertTask(session, names, { task_type: 'u' });
    for (const [query, count, exact] of [
      ['limit=1', 4, true],
      ['limit=1&status=failed', 3, true],
      ['limit=1&status=failed&task_type=t', 2, true],
      ['limit=1&device_id=w1', 0, true],
      ['limit=1&task_type=u', 2, false],
      ['task_type=u', 2, true],
    ] as const)
      expect((await listed(query)).total, query).toEqual({ count, exact });
  });

  it('shows rows of other programs, whatever is in them', async () => {
    await insertTask(session, names, { status: null, priority: null, retry: null, task_data: '[1]', created_at: null });
    expect(await get('/tasks')).toMatchObject({
      ...{ status: 200, json: { tasks: [{ status: null, task_data: [1], created_at: null }] } },
    });
  });

  it('answers 304 to a client that has the list, until it changes', async () => {
    await insertTask(session, names);
    const headers = { 'if-none-match': (await get('/tasks')).headers.get('etag')! };
    expect(await get('/tasks', { headers })).toMatchObject({ status: 304, json: undefined });
    await insertTask(session, names);
    expect((await get('/tasks', { headers })).status).toBe(200);
  });

  it.for<[string, string, RegExp]>([
    ['a parameter that it does not know', 'stauts=failed', /stauts/],
    ['a status that does not exist', 'status=failed,lost', /separated by commas/],
    ['a limit out of range', 'limit=501', /limit/],
    ['a time without its zone', 'created_from=2024-01-01T00:00:00', /created_from/],
    ['a cursor that is none', 'cursor=abc', /cursor is not valid/],
    ['an id that is none', 'parent_id=0', /parent_id/],
  ])('refuses %s', async ([, query, message]) => {
    const { json } = await get(`/tasks?${query}`);
    expect(json).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.stringMatching(message) });
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
    const { json } = await get(`/tasks/${task_id}`);
    expectDescribed(taskAnswer, json);
    expect(json.task).toMatchObject({
      ...{ task_id: String(task_id), last_error: 'no' },
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
  const waiting = (count: number) => until(() => gateway.gateway.taskWatch.waiting === count);

  it('answers when the task has ended, or with what is known when the time is over', async () => {
    const id = await insertTask(session, names);
    for (const seconds of [0, 0.05])
      expect((await get(`/tasks/${id}/wait?seconds=${seconds}`)).json).toMatchObject({
        status: 'pending',
        ended: false,
      });
    expect((await get(`/tasks/${id}/wait?seconds=61`)).status).toBe(400);
    const answer = get(`/tasks/${id}/wait?seconds=60`);
    await waiting(1);
    await end(id);
    const { json } = await answer;
    expectDescribed(waitAnswer, json);
    expect(json).toMatchObject({ task_id: String(id), status: 'done', ended: true });
    expect((await get(`/tasks/${id}/wait`)).json.ended).toBe(true);
  });

  it('holds no session, and reads for all who wait at once', async () => {
    const ids = [await insertTask(session, names), await insertTask(session, names)];
    const all = Array.from({ length: 300 }, (_, n) => get(`/tasks/${ids[n % 2]}/wait?seconds=60`));
    await waiting(300);
    expect(gateway.gateway.requests.busy).toBeLessThanOrEqual(1);
    expect((await get('/tasks')).status).toBe(200);
    await Promise.all(ids.map(end));
    expect((await Promise.all(all)).every(({ json }) => json.ended)).toBe(true);
    expect(gateway.gateway.taskWatch.waiting).toBe(0);
  });

  it('forgets a client that goes away, and answers everybody when the gateway stops', async () => {
    const id = await insertTask(session, names);
    const gone = new AbortController();
    const away = get(`/tasks/${id}/wait?seconds=60`, { signal: gone.signal }).catch(() => 'gone');
    await waiting(1);
    gone.abort();
    expect(await away).toBe('gone');
    await waiting(0);
    const answer = get(`/tasks/${id}/wait?seconds=60`);
    await waiting(1);
    await stopGateways();
    expect((await answer).json).toMatchObject({ status: 'pending', ended: false });
  });
});
