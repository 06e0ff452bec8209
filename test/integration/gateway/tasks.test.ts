// Adding, listing, showing and waiting for tasks over HTTP. The shapes of the answers: http-page.test.ts.
import { describe, expect } from 'vitest';
import { problem } from '../../../src/http/problem.ts';
import { tasksAnswer } from '../../../src/http/task-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, rows, gateway, get, post, count } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, rows, gateway, get, post, count } = opened));

const listed = async (query: string) => {
  const { json } = await get(`/tasks?${query}`);
  expectDescribed(tasksAnswer, json);
  return json;
};
const idsOf = (json: { tasks: Array<{ task_id: string }> }) => json.tasks.map((one) => Number(one.task_id));

describe('POST /tasks', () => {
  it('adds one task, and says what is odd about it', async () => {
    await rows.worker('w1');
    const { status, json } = await post('/tasks', { task_type: 'sync_dta', task_data: { n: 1 }, priority: 9 });
    const warnings = [expect.stringContaining('did you mean "sync_data"')];
    expect({ status, ...json }).toMatchObject({ status: 201, tasks: [{ created: true }], warnings });
    const row = await rows.readTask(Number(json.tasks[0].task_id));
    expect(row).toMatchObject({ task_type: 'sync_dta', priority: 9, status: 'pending' });
  });

  it('adds up to 1,000 in one transaction, each key once', async () => {
    const tasks = Array.from({ length: 1000 }, (_, n) => ({ task_type: 'sync_data', dedupe_key: `k${n % 998}` }));
    const { status, json } = await post('/tasks', tasks);
    expect(status).toBe(201);
    const known = [0, 1].map((n) => ({ task_id: json.tasks[n].task_id, created: false }));
    expect(json.tasks.slice(998)).toEqual(known);
    expect(await post('/tasks', tasks.slice(0, 2))).toMatchObject({ status: 200, json: { tasks: known } });
    expect(await count(names.task)).toBe(998);
  });

  const ONE = { task_type: 't' };
  const second = [ONE, { ...ONE, priority: 11 }];
  it.for<[string, unknown, RegExp]>([
    ['a member that it does not know', { task_type: 't', priorty: 3 }, /priorty is unknown/],
    ['a value that cannot be, with its place', second, /task\[1\]\.priority/],
    ['no task', [], /has 0 tasks/],
    ['too many', Array(1001).fill(ONE), /has 1001 tasks/],
    ['what is no task', null, /must be an object/],
    ['a batch without a name', { tasks: [ONE], batch: {} }, /batch\.name/],
    ['a batch and the id of one', { tasks: [ONE], batch: { name: 'a' }, batch_id: 1 }, /batch and batch_id/],
    ['the id of a batch that is none', { tasks: [ONE], batch_id: 'x' }, /batch_id/],
    ['tasks of a batch that are no list', { tasks: ONE, batch: { name: 'a' } }, /tasks/],
    ['no tasks for a batch that there is', { tasks: [], batch_id: 1 }, /0 tasks/],
  ])('refuses %s, and adds nothing', async ([, body, message]) => {
    const { json } = await post('/tasks', body);
    expectDescribed(problem, json);
    expect(json).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.stringMatching(message) });
    expect([await count(names.task), await count(names.batch)]).toEqual([0, 0]);
  });
});

describe('GET /tasks', () => {
  it('goes through the tasks page by page, newest first; what is added meanwhile moves nothing', async () => {
    const all = [];
    for (let n = 0; n < 5; n += 1) all.unshift(await rows.task());
    const first = await listed('limit=2');
    expect(first).toMatchObject({ total: { count: 5, exact: true }, searched_to: null });
    await rows.task();
    const next = await listed(`limit=2&cursor=${first.cursor}`);
    const last = await listed(`limit=2&cursor=${next.cursor}`);
    expect([first, next, last].flatMap(idsOf)).toEqual(all);
    expect([next.total, last.cursor]).toEqual([null, null]);
    expect((await get(`/tasks?limit=1&status=pending&cursor=${first.cursor}`)).json.detail).toContain('another filter');
  });

  it('takes every condition, several statuses among them', async () => {
    await rows.task();
    const same = { task_type: 'u', username: 'a@b', app_id: 'x', concurrency_key: 'c', dedupe_key: 'd' };
    const columns = { ...same, ...{ priority: 7, parent_id: 3, batch_id: 4, status: 'failed' } };
    const wanted = await rows.task({ ...columns, last_error: 'timeout', target_device_id: 'w1' });
    const conditions = {
      ...{ ...same, status: 'failed,cancelled', priority: '7', parent_id: '3', batch_id: '4', error: 'timeout' },
      ...{ device_id: 'w1', finished_from: '2001-01-01T00:00:00Z' },
    };
    const times = { created_from: '2001-01-01T00:00:00Z', created_to: '2037-01-01T00:00:00Z' };
    for (const [name, value] of Object.entries(conditions))
      expect(idsOf(await listed(`${new URLSearchParams({ ...times, [name]: value })}`)), name).toEqual([wanted]);
    for (const none of ['finished_to=2001-01-01T00:00:00Z', 'created_to=2001-01-01T00:00:00Z'])
      expect(idsOf(await listed(none)), none).toEqual([]);
  });

  it('answers 304 to a client that has the list, until it changes', async () => {
    await rows.task();
    const headers = { 'if-none-match': (await get('/tasks')).headers.get('etag')! };
    expect(await get('/tasks', { headers })).toMatchObject({ status: 304, json: undefined });
    await rows.task();
    expect((await get('/tasks', { headers })).status).toBe(200);
  });

  it.for([
    ['a parameter that it does not know', 'stauts=failed', 'stauts'],
    ['a status that does not exist', 'status=failed,lost', 'separated by commas'],
    ['a limit out of range', 'limit=501', 'limit'],
    ['a time without its zone', 'created_from=2024-01-01T00:00:00', 'created_from'],
    ['an id that is none', 'parent_id=0', 'parent_id'],
  ] as const)('refuses %s', async ([, query, says]) => {
    const { json } = await get(`/tasks?${query}`);
    expect(json).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.stringContaining(says) });
  });
});

describe('GET /tasks/{id}', () => {
  it('has the result of an attempt, digit by digit', async () => {
    const device = await rows.device({ device_id: 'w1' });
    const task_id = await rows.task({ status: 'done', attempt: 1 });
    expect((await get(`/tasks/${task_id}/result`)).status).toBe(404);
    const result = '{"n":12345678901234567890}';
    await insertAttempt(session, names, { device, task_id, columns: { status: 'completed', result } });
    const text = await (await fetch(`${gateway.url}/api/v1/tasks/${task_id}/result`)).text();
    expect(text.replaceAll(' ', '')).toContain('"n":12345678901234567890');
    expect((await get(`/tasks/${task_id}/result?attempt=2`)).status).toBe(404);
  });

  it.each(['', '/result', '/wait', '/logs'])(
    '%s is 404 for a task that does not exist, and 400 for an id that is none',
    async (path) => {
      expect((await get(`/tasks/999${path}`)).json).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
      expect((await get(`/tasks/x${path}`)).status).toBe(400);
    },
  );
});

describe('GET /tasks/{id}/wait', () => {
  const wait = (id: number, seconds: number, options = {}) => get(`/tasks/${id}/wait?seconds=${seconds}`, options);
  const waiting = (n: number) => until(() => gateway.gateway.taskWatch.waiting === n);

  it('answers many when their tasks have ended, holds no session meanwhile, and reads for all at once', async () => {
    const ids = [await rows.task(), await rows.task()];
    expect((await wait(ids[0]!, 0.05)).json).toMatchObject({ status: 'pending', ended: false });
    expect((await wait(ids[0]!, 61)).status).toBe(400);
    const all = Array.from({ length: 300 }, (_, n) => wait(ids[n % 2]!, 60));
    await waiting(300);
    expect(gateway.gateway.requests.busy).toBeLessThanOrEqual(1);
    expect((await get('/tasks')).status).toBe(200);
    await session.write(`UPDATE ${names.task} SET status = 'done', finished_at = UTC_TIMESTAMP(3)`);
    for (const { json } of await Promise.all(all)) expect(json).toMatchObject({ status: 'done', ended: true });
    expect(gateway.gateway.taskWatch.waiting).toBe(0);
  });

  it('forgets a client that goes away, and answers everybody when the gateway stops', async () => {
    const id = await rows.task();
    const gone = new AbortController();
    const away = wait(id, 60, { signal: gone.signal }).catch(() => 'gone');
    await waiting(1);
    gone.abort();
    expect(await away).toBe('gone');
    await waiting(0);
    const answer = wait(id, 60);
    await waiting(1);
    await stopGateways();
    expect((await answer).json).toMatchObject({ status: 'pending', ended: false });
  });
});
