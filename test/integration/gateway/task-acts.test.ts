// What operators do to tasks over HTTP: one by one with what they expect, and many by a preview.
import { describe, expect } from 'vitest';
import { problem } from '../../../src/http/problem.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';

let { db, session, names, rows, gateway } = {} as GatewayApi;
eachWithGateway((opened) => ({ db, session, names, rows, gateway } = opened));

const post = (path: string, body?: unknown, at = gateway) => at.call(`/api/v1/tasks/${path}`, body, { method: 'POST' });

describe('an act on a task', () => {
  it('cancels one that waits; asks the device of one that runs to end it, and says who asked and why', async () => {
    const cancelled = { status: 200, json: { status: 'cancelled', by: 'http 127.0.0.1' } };
    expect(await post(`${await rows.task()}/cancel`)).toMatchObject(cancelled);
    const { task_id, assignment_id } = await rows.running('w1');
    const { json } = await post(`${task_id}/cancel`, { reason: 'wrong month' });
    expect(json).toMatchObject({ status: 'running', revoking: true, device_id: 'w1' });
    const row = await readRow(session, names.assignment, assignment_id);
    expect(row).toMatchObject({ revoke_outcome: 'cancelled', revoked_by: 'http 127.0.0.1: wrong month' });
  });

  it.each(['cancel', 'retry', 'reassign'])('%s happens only to a task that is as it was seen', async (act) => {
    const status = act === 'retry' ? 'failed' : 'pending';
    const id = await rows.task({ status, attempt: 2 });
    const before = await rows.readTask(id);
    for (const expected of [{ status: 'running' }, { attempt: 1 }, { status, attempt: 3 }]) {
      const { json } = await post(`${id}/${act}`, { expect: expected });
      expectDescribed(problem, json);
      expect(json).toMatchObject({ status: 409, code: 'E_CONFLICT', data: { status, attempt: 2 } });
      expect((await rows.readTask(id))?.updated_at).toEqual(before?.updated_at);
    }
    expect((await post(`${id}/${act}`, { expect: { status, attempt: 2 } })).status).toBe(200);
  });

  it.for<[string, string, unknown, number]>([
    ['a member that it does not know', 'cancel', { forse: true }, 400],
    ['an expectation that it does not know', 'cancel', { expect: { state: 'failed' } }, 400],
    ['a retry of a task that runs', 'retry', {}, 409],
    ['a device that is no id', 'reassign', { to: '-' }, 400],
  ])('refuses %s', async ([, act, body, expected]) => {
    const { task_id } = await rows.running('w1');
    expect((await post(`${task_id}/${act}`, body)).status).toBe(expected);
  });
});

describe('acts on many', () => {
  const failed = async (n: number, task_type = 'sync_data') => {
    const ids: number[] = [];
    while (ids.length < n) ids.push(await rows.task({ status: 'failed', attempt: 1, task_type }));
    return ids;
  };
  const preview = async (body: unknown) => (await post('preview', body)).json;
  const acts = async (body: unknown, at = gateway) => (await post('acts', body, at)).json;
  const states = async () =>
    (await session.rows(`SELECT status FROM ${names.task} ORDER BY id`)).map((row) => row.status);

  it('show what they would concern, then do it chunk by chunk at any gateway, also after a lost answer', async () => {
    const ids = (await failed(5, 'u')).reverse().map(String);
    await failed(2);
    const idsIn = (some: Array<{ task_id: string }>) => some.map((one) => one.task_id);
    const other = await startGateway(db);
    const { token, total, sample } = await preview({ act: 'retry', filter: { task_type: 'u' }, reason: 'again' });
    expect([total, idsIn(sample)]).toEqual([{ count: 5, exact: true }, ids]);
    expect(await states()).toEqual(Array(7).fill('failed'));
    // Not seen, so not touched.
    await failed(1, 'u');
    const first = await acts({ token, limit: 3 });
    expect(first).toMatchObject({ done: 3, refused: 0, by: 'http 127.0.0.1' });
    expect(idsIn(first.results)).toEqual(ids.slice(0, 3));
    const rest = { token, limit: 3, cursor: first.cursor };
    expect(await acts(rest, other)).toMatchObject({ done: 5, refused: 0, cursor: null });
    expect(await acts(rest, other)).toMatchObject({ results: [], cursor: null });
    expect(await states()).toEqual([...Array(5).fill('pending'), ...Array(3).fill('failed')]);
    const keys = await session.rows(`SELECT updated_by FROM ${names.setting} WHERE name = 'http.signing_key'`);
    expect(keys).toEqual([{ updated_by: 'gateway' }]);
    expect(JSON.stringify((await gateway.call('/api/v1/settings')).json)).not.toContain('signing_key');
  });

  it('leave alone what has changed or is gone, and name what core refuses', async () => {
    const [a, b, c] = [await rows.task(), await rows.task(), await rows.task()];
    // Another program's: no attempt of afd holds it.
    const foreign = await rows.task({ status: 'running' });
    const { token } = await preview({ act: 'cancel', filter: {}, reason: 'stop' });
    await session.write(`UPDATE ${names.task} SET status = 'failed' WHERE id = ?`, [b]);
    await session.write(`DELETE FROM ${names.task} WHERE id = ?`, [c]);
    const message = expect.stringContaining('Another program');
    expect(await acts({ token })).toMatchObject({
      ...{ done: 1, refused: 1, cursor: null },
      results: [
        { task_id: String(foreign), done: false, code: 'E_CONFLICT', status: 'running', message },
        { task_id: String(a), done: true, status: 'cancelled', code: null, message: null },
      ],
    });
  });

  it('are refused with the preview of something else, and with one that nobody has made', async () => {
    await failed(2);
    const of = { act: 'retry', filter: { task_type: 'sync_data' } };
    const { token } = await preview(of);
    for (const [body, status, message] of [
      [{ token, act: 'cancel' }, 409, /another act/],
      [{ token, filter: {} }, 409, /another filter/],
      [{ token: `x${token}` }, 400, /not that of a preview/],
      [{ token, cursor: token }, 400, /not one of this token/],
    ] as const)
      expect(await acts(body)).toMatchObject({ status, detail: expect.stringMatching(message) });
    expect(await states()).toEqual(['failed', 'failed']);
    expect(await acts({ token, ...of })).toMatchObject({ done: 2 });
  });

  it('are refused when the preview is older than 10 minutes; a chunk that goes on is not', async () => {
    await failed(3);
    const { token } = await preview({ act: 'retry', filter: {} });
    let later = 0;
    const { requests } = gateway.gateway;
    const use = requests.use.bind(requests);
    requests.use = (work) =>
      use(async (context) => {
        const own = await context.session();
        await own.write(`SET timestamp = UNIX_TIMESTAMP() + ${later}`);
        return work(context).finally(() => own.write('SET timestamp = DEFAULT'));
      });
    const { cursor } = await acts({ token, limit: 1 });
    later = 599;
    const second = await acts({ token, limit: 1, cursor });
    later = 601;
    const detail = expect.stringContaining('older than 10 minutes');
    expect(await acts({ token })).toMatchObject({ status: 409, detail });
    expect(await acts({ token, cursor: second.cursor })).toMatchObject({ done: 3, cursor: null });
  });
});
