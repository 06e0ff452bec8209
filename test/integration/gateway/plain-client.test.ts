// What a client of the design document's calls can rely on that knows no token: its id and its open attempts.
import { afterEach, describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi, hex } from '../../helpers/gateway-api.ts';
import { stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let { db, session, names, rows, post, register, next, result } = {} as GatewayApi;
afterEach(stopWorkers);
eachWithGateway((opened) => ({ db, session, names, rows, post, register, next, result } = opened));
it.beforeEach(() => register());

async function assignment(task_id: number) {
  const found = `SELECT * FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt DESC LIMIT 1`;
  return (await session.rows(found, [task_id]))[0]!;
}

describe('a client without tokens', () => {
  it('may be started again, and report what it was given before', async () => {
    const task_id = await rows.task({ task_type: 'noop' });
    expect((await next()).json).toMatchObject({ task_id, attempt: 1 });
    await register('D1');
    expect(await result(task_id)).toMatchObject({ status: 200, json: { status: 'accepted' } });
    expect((await next('nobody')).json).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
  });

  it('a failed attempt is tried again, and fails for good when its retries are spent', async () => {
    const task_id = await rows.task({ task_type: 'noop', max_retry_count: 1 });
    await next();
    // What runs for a while is shown as running, since it was given out.
    await until(async () => (await assignment(task_id)).status === 'running');
    expect((await assignment(task_id)).started_at).not.toBeNull();
    const failed = { status: 'failed', error_message: 'no answer', after: 0 };
    expect((await result(task_id, failed)).json).toEqual({ task_id, status: 'accepted', task_status: 'pending' });
    const second = await until(async () => (await next()).json);
    expect(second).toMatchObject({ task_id, attempt: 2, retry_count: 1 });
    expect((await result(task_id, failed)).json).toMatchObject({ task_status: 'failed' });
    expect(await assignment(task_id)).toMatchObject({ status: 'failed', error_message: 'no answer' });
  });

  it.each([
    ['released', 'pending'],
    ['later', 'pending'],
    ['timeout', 'pending'],
    ['permanent', 'failed'],
  ])('an attempt may end as %s, and the task is %s', async (status, expected) => {
    const task_id = await rows.task({ task_type: 'noop' });
    await next();
    const more = status === 'released' ? {} : { error_message: 'so', after: 3600 };
    expect(await result(task_id, { status, ...more })).toMatchObject({ status: 200 });
    expect(await rows.readTask(task_id)).toMatchObject({ status: expected });
  });

  it('a stale attempt is refused with the reason, and changes nothing', async () => {
    const task_id = await rows.task({ task_type: 'noop' });
    await register('d2');
    await next();
    for (const of of [{ device_id: 'd2' }, { attempt: 2 }, { claim_token: hex() }])
      expect(await result(task_id, of)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    await session.write(`UPDATE ${names.assignment} SET status = 'lost', cause = 'device_dead'`);
    const reason = expect.stringContaining('lost');
    expect(await result(task_id)).toMatchObject({ status: 409, json: { data: { task_id, reason } } });
    expect(await rows.readTask(task_id)).toMatchObject({ status: 'running' });
  });

  it('many results go into one transaction; what is refused keeps no other', async () => {
    const ids: number[] = [];
    while (ids.length < 3) ids.push(await rows.task({ task_type: 'noop' }));
    const { json } = await next('d1', '&limit=10');
    expect(json.tasks.map((one: { task_id: number }) => one.task_id)).toEqual(ids);
    const results = [999_999, ...ids].map((task_id) => ({ task_id, status: 'completed', result: { task_id } }));
    const answer = await post('/tasks/results', { device_id: 'd1', results });
    expect(answer.json.results.map((one: { status: string }) => one.status)).toEqual([
      ...['refused', 'accepted', 'accepted', 'accepted'],
    ]);
    for (const task_id of ids) expect(JSON.parse((await assignment(task_id)).result)).toEqual({ task_id });
    const twice = { device_id: 'd1', results: [results[1], results[1]] };
    expect(await post('/tasks/results', twice)).toMatchObject({ status: 400 });
  });

  it('with an Idempotency-Key a repeated failure is not counted for the next attempt, at another gateway either', async () => {
    const task_id = await rows.task({ task_type: 'noop', max_retry_count: 5 });
    await next();
    const headers = { 'idempotency-key': 'result of the first try' };
    const failed = { status: 'failed', error_message: 'no', after: 0 };
    const first = await result(task_id, failed, headers);
    await until(async () => (await next()).status === 200);
    const again = await result(task_id, failed, headers);
    expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([first.json, 'true']);
    const other = await startGateway(db);
    const body = { device_id: 'd1', ...failed };
    expect((await other.call(`/api/v1/tasks/${task_id}/result`, body, { headers })).json).toEqual(first.json);
    expect(await assignment(task_id)).toMatchObject({ attempt: 2, completed_at: null });
    expect(await result(task_id, { ...failed, after: 1 }, headers)).toMatchObject({ status: 409 });
    for (let n = 0; n < 2; n += 1) expect((await result(999_999, {}, { 'idempotency-key': 'no' })).status).toBe(409);
  });

  it('a payload that does not come with its claim, and one that cannot be read', async () => {
    const task_data = { text: 'x'.repeat(100_000) };
    const task_id = await rows.task({ task_type: 'noop', task_data: JSON.stringify(task_data) });
    const broken = await rows.task({ task_type: 'noop', task_data: '[1]' });
    expect((await next('d1', '&limit=10')).json.tasks).toMatchObject([{ task_id, task_data }]);
    expect(await rows.readTask(broken)).toMatchObject({ status: 'failed' });
  });
});
