// What a client of the design document's calls can rely on that knows no token: its id and its open attempts.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let given: Given;
let gateway: TestGateway;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db);
});
afterEach(async () => {
  await stopWorkers();
  await stopGateways();
});

const register = (device_id = 'd1', more: Record<string, unknown> = {}) =>
  gateway.call('/api/v1/devices/register', { device_id, capabilities: { supported_tasks: ['noop'] }, ...more });
const next = (device_id = 'd1', more = '') => gateway.call(`/api/v1/tasks/next?device_id=${device_id}${more}`);
const result = (task_id: number, body: Record<string, unknown> = {}, options: RequestInit = {}) =>
  gateway.call(`/api/v1/tasks/${task_id}/result`, { device_id: 'd1', status: 'completed', ...body }, options);

async function assignment(task_id: number) {
  const [row] = await given.session.rows(
    `SELECT * FROM ${given.db.names.assignment} WHERE task_id = ? ORDER BY attempt DESC LIMIT 1`,
    [task_id],
  );
  return row!;
}

describe('a client without tokens', () => {
  it('may be started again, and report what it was given before', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    await register();
    expect((await next()).json).toMatchObject({ task_id, attempt: 1 });
    await register('D1');
    expect(await result(task_id)).toMatchObject({ status: 200, json: { status: 'accepted' } });
  });

  it('a failed attempt is tried again, and fails for good when its retries are spent', async () => {
    const task_id = await given.rows.task({ task_type: 'noop', max_retry_count: 1 });
    await register();
    await next();
    const failed = { status: 'failed', error_message: 'no answer', after: 0 };
    expect((await result(task_id, failed)).json).toEqual({ task_id, status: 'accepted', task_status: 'pending' });
    const second = await until(async () => {
      const { status, json } = await next();
      return status === 200 && json;
    });
    expect(second).toMatchObject({ task_id, attempt: 2, retry_count: 1 });
    expect((await result(task_id, failed)).json).toMatchObject({ task_status: 'failed' });
    expect(await assignment(task_id)).toMatchObject({ status: 'failed', error_message: 'no answer' });
  });

  it('each addition to the status does what it says', async () => {
    await register();
    for (const [status, expected] of [
      ['released', { status: 'pending' }],
      ['later', { status: 'pending' }],
      ['timeout', { status: 'pending' }],
      ['permanent', { status: 'failed' }],
    ] as const) {
      const task_id = await given.rows.task({ task_type: 'noop', priority: 10 });
      await until(async () => (await next()).json?.task_id === task_id);
      const body = status === 'released' ? { status } : { status, error_message: 'so', after: 3600 };
      expect(await result(task_id, body), status).toMatchObject({ status: 200 });
      expect(await given.rows.readTask(task_id), status).toMatchObject(expected);
      await given.session.write(`DELETE FROM ${given.db.names.task} WHERE id = ?`, [task_id]);
    }
  });

  it('a stale attempt is refused with the reason, and changes nothing', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    await register();
    await register('d2');
    await next();
    expect(await result(task_id, { device_id: 'd2' })).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
    expect(await result(task_id, { attempt: 2 })).toMatchObject({ status: 409 });
    expect(await result(task_id, { claim_token: randomBytes(16).toString('hex') })).toMatchObject({ status: 409 });
    const { names } = given.db;
    await given.session.write(
      `UPDATE ${names.assignment} SET status = 'lost', cause = 'device_dead' WHERE task_id = ?`,
      [task_id],
    );
    const stale = await result(task_id);
    expect(stale).toMatchObject({ status: 409, json: { data: { task_id, reason: expect.stringContaining('lost') } } });
    expect(await given.rows.readTask(task_id)).toMatchObject({ status: 'running' });
    expect(await result(999_999)).toMatchObject({ status: 409 });
  });

  it('many results go into one transaction; what is refused keeps no other', async () => {
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push(await given.rows.task({ task_type: 'noop' }));
    await register();
    const { json } = await next('d1', '&limit=10');
    expect(json.tasks.map((one: { task_id: number }) => one.task_id)).toEqual(ids);
    const results = [...ids, 999_999]
      .reverse()
      .map((task_id) => ({ task_id, status: 'completed', result: { task_id } }));
    const answer = await gateway.call('/api/v1/tasks/results', { device_id: 'd1', results });
    expect(answer.json.results.map((one: { status: string }) => one.status)).toEqual([
      'refused',
      'accepted',
      'accepted',
      'accepted',
    ]);
    for (const task_id of ids) expect(JSON.parse((await assignment(task_id)).result)).toEqual({ task_id });
    const twice = { device_id: 'd1', results: [results[1], results[1]] };
    expect(await gateway.call('/api/v1/tasks/results', twice)).toMatchObject({ status: 400 });
  });

  it('with an Idempotency-Key a repeated failure is not counted for the next attempt, at another gateway either', async () => {
    const task_id = await given.rows.task({ task_type: 'noop', max_retry_count: 5 });
    await register();
    await next();
    const headers = { 'idempotency-key': 'result of the first try' };
    const failed = { status: 'failed', error_message: 'no', after: 0 };
    const first = await result(task_id, failed, { headers });
    await until(async () => (await next()).status === 200);
    const again = await result(task_id, failed, { headers });
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await startGateway(given.db);
    const body = { device_id: 'd1', ...failed };
    expect((await other.call(`/api/v1/tasks/${task_id}/result`, body, { headers })).json).toEqual(first.json);
    expect(await assignment(task_id)).toMatchObject({ attempt: 2, completed_at: null });
    expect(await result(task_id, { ...failed, after: 1 }, { headers })).toMatchObject({ status: 409 });
    const refused = { 'idempotency-key': 'refused' };
    expect(await result(999_999, {}, { headers: refused })).toMatchObject({ status: 409 });
    expect(await result(999_999, {}, { headers: refused })).toMatchObject({ status: 409 });
  });

  it('what runs for a while is shown as running, since it was given out', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    await register();
    await next();
    await until(async () => (await assignment(task_id)).status === 'running');
    expect((await assignment(task_id)).started_at).not.toBeNull();
  });

  it('a payload that does not come with its claim, and one that cannot be read', async () => {
    const long = { text: 'x'.repeat(100_000) };
    const task_id = await given.rows.task({ task_type: 'noop', task_data: JSON.stringify(long) });
    const broken = await given.rows.task({ task_type: 'noop', task_data: '[1]' });
    await register();
    const { json } = await next('d1', '&limit=10');
    expect(json.tasks).toMatchObject([{ task_id, task_data: long }]);
    expect(await given.rows.readTask(broken)).toMatchObject({ status: 'failed' });
  });

  it('is refused while a worker with its own connection has the id, and such a worker while it has', async () => {
    // Its lease outlasts a slow start of the worker.
    const patient = await startGateway(given.db, { master: { heartbeat_timeout: 600 } });
    await patient.call('/api/v1/devices/register', { device_id: 'busy', capabilities: {} });
    await expect(startWorker(given.db, { deviceId: 'busy' }).ended).rejects.toMatchObject({ code: 'E_DEVICE_RUNNING' });
    await once(startWorker(given.db, { deviceId: 'w1' }).events, 'worker:started');
    expect(await register('w1')).toMatchObject({ status: 409, json: { code: 'E_DEVICE_RUNNING' } });
    expect(await next('w1')).toMatchObject({ status: 409, json: { code: 'E_DEVICE_RUNNING' } });
    expect(await next('nobody')).toMatchObject({ status: 404, json: { code: 'E_NOT_FOUND' } });
  });
});
