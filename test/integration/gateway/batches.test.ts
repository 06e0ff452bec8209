// Batches over HTTP.
import { afterEach, describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

let gateway: TestGateway;
it.beforeEach(async ({ given }) => {
  gateway = await startGateway(given.db);
});
afterEach(stopGateways);

const call = (method: string, path: string, body?: unknown, headers = {}) =>
  gateway.call(`/api/v1/${path}`, body, { method, headers });
const task = { task_type: 'sync_data' };

async function added(body: Record<string, unknown>, status = 201) {
  const answer = await call('POST', 'tasks', body);
  expect(answer.status, JSON.stringify(answer.json)).toBe(status);
  return answer.json;
}

describe('a batch', () => {
  it('is made with its tasks, and shown with their counts', async () => {
    const { batch_id, tasks } = await added({ tasks: [task, task], batch: { name: 'nightly' } });
    expect(tasks).toHaveLength(2);
    const shown = await call('GET', `batches/${batch_id}`);
    expect(shown.json.batch).toMatchObject({ name: 'nightly', state: 'sealed', counts: { pending: { count: 2 } } });
    const listed = await call('GET', 'batches');
    const { counts: _, ...batch } = shown.json.batch;
    expect(listed.json).toMatchObject({ batches: [batch], cursor: null });
    expect(await call('GET', 'batches/999')).toMatchObject({ status: 404, json: { code: 'E_NOT_FOUND' } });
  });

  it('stays open if it is asked to, takes more tasks, and is sealed', async () => {
    const { batch_id } = await added({ tasks: [], batch: { name: 'open', open: true } });
    await added({ tasks: [task], batch_id });
    await added({ tasks: [task], batch_id: Number(batch_id) });
    const sealed = await call('POST', `batches/${batch_id}/seal`);
    expect(sealed.json).toMatchObject({ already: false, batch: { state: 'sealed' } });
    expect((await call('POST', `batches/${batch_id}/seal`)).json).toMatchObject({ already: true });
    expect(await call('POST', 'tasks', { tasks: [task], batch_id })).toMatchObject({
      status: 409,
      json: { code: 'E_CONFLICT', detail: expect.stringContaining(`Batch ${batch_id} is sealed`) },
    });
    const { counts } = (await call('GET', `batches/${batch_id}`)).json.batch;
    expect(counts.pending).toEqual({ count: 2, exact: true });
    expect((await call('POST', 'batches/999/seal')).status).toBe(404);
    expect((await call('POST', 'tasks', { tasks: [task], batch_id: '999' })).status).toBe(404);
  });

  it('is made once by a request that is repeated with its Idempotency-Key', async () => {
    const body = { tasks: [task], batch: { name: 'once' } };
    const ask = () => call('POST', 'tasks', body, { 'idempotency-key': 'k' });
    const [first, again] = [await ask(), await ask()];
    expect(again.json.batch_id).toBe(first.json.batch_id);
    expect((await call('GET', 'batches')).json.batches).toHaveLength(1);
  });

  it.for<[what: string, body: Record<string, unknown>, words: string]>([
    ['without a name', { tasks: [task], batch: {} }, 'batch.name'],
    ['with an empty name', { tasks: [task], batch: { name: '' } }, 'batch.name'],
    ['and the id of one', { tasks: [task], batch: { name: 'a' }, batch_id: 1 }, 'batch and batch_id'],
    ['of an id that is none', { tasks: [task], batch_id: 'x' }, 'batch_id'],
    ['whose tasks are no list', { tasks: task, batch: { name: 'a' } }, 'tasks'],
    ['of an id, without tasks', { tasks: [], batch_id: 1 }, '0 tasks'],
    ['of a task that is not valid', { tasks: [{}], batch: { name: 'a' } }, 'task_type'],
  ])('%s is refused, and nothing is added', async ([, body, words]) => {
    const { json } = await call('POST', 'tasks', body);
    expect(json).toMatchObject({ status: 400, code: 'E_USAGE', detail: expect.stringContaining(words) });
    expect((await call('GET', 'batches')).json.batches).toEqual([]);
    expect((await call('GET', 'tasks')).json.tasks).toEqual([]);
  });
});
