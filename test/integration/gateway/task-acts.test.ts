// What operators do to tasks over HTTP: one by one with what they expect, and many by a preview.
import { describe, expect } from 'vitest';
import { actAnswer, actsAnswer, previewAnswer } from '../../../src/http/act-contract.ts';
import { problem } from '../../../src/http/problem.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertRunning, insertTask, insertWorker, readRow, readTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

let { db, session, names, gateway } = {} as GatewayApi;
eachWithGateway((opened) => ({ db, session, names, gateway } = opened));

const post = (path: string, body?: unknown, at = gateway) => at.call(`/api/v1/tasks/${path}`, body, { method: 'POST' });

describe('an act on a task', () => {
  it('cancels one that waits, with an empty body too; one that does not exist is 404', async () => {
    for (const body of [undefined, {}]) {
      const { status, json } = await post(`${await insertTask(session, names)}/cancel`, body);
      expectDescribed(actAnswer, json);
      expect([status, json.status, json.by]).toEqual([200, 'cancelled', 'http 127.0.0.1']);
    }
    expect((await post('999/cancel')).json).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
  });

  it('asks the device of one that runs to end it, and says who asked and why', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'w1');
    const { json } = await post(`${task_id}/cancel`, { reason: 'wrong month' });
    expect(json).toMatchObject({ status: 'running', revoking: true, device_id: 'w1' });
    const row = await readRow(session, names.assignment, assignment_id);
    expect(row).toMatchObject({ revoke_outcome: 'cancelled', revoked_by: 'http 127.0.0.1: wrong month' });
  });

  it('retries one that failed, and moves one to another device, by its whole id alone', async () => {
    const failed = await insertTask(session, names, { status: 'failed', attempt: 2, retry: 3 });
    const retried = { task_id: String(failed), status: 'pending', attempt: 2 };
    expect((await post(`${failed}/retry`)).json).toMatchObject(retried);
    await insertWorker(session, names, 'worker-12');
    const move = (body?: object) => post(`${failed}/reassign`, body);
    expect((await move({ to: 'worker-1' })).json).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
    const { json } = await move({ to: 'worker-12' });
    expectDescribed(actAnswer, json);
    expect(json).toMatchObject({ status: 'assigned', target_device_id: 'worker-12' });
    expect((await move()).json).toMatchObject({ status: 'pending', target_device_id: null });
  });

  it.each(['cancel', 'retry', 'reassign'])('%s happens only to a task that is as it was seen', async (act) => {
    const status = act === 'retry' ? 'failed' : 'pending';
    const id = await insertTask(session, names, { status, attempt: 2 });
    const before = await readTask(session, names, id);
    for (const expected of [{ status: 'running' }, { attempt: 1 }, { status, attempt: 3 }]) {
      const { json } = await post(`${id}/${act}`, { expect: expected });
      expectDescribed(problem, json);
      expect(json).toMatchObject({ status: 409, code: 'E_CONFLICT', data: { status, attempt: 2 } });
      expect((await readTask(session, names, id))?.updated_at).toEqual(before?.updated_at);
    }
    expect((await post(`${id}/${act}`, { expect: { status, attempt: 2 } })).status).toBe(200);
  });

  it('compares under the lock: what changes while it waits counts', async () => {
    const id = await insertTask(session, names, { status: 'failed', attempt: 1 });
    await session.write('START TRANSACTION');
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ?`, [id]);
    const waiting = post(`${id}/retry`, { expect: { status: 'failed' } });
    await statementRuns(await db.session(), '%WHERE id = % FOR UPDATE%');
    await session.write('COMMIT');
    expect((await waiting).json).toMatchObject({ status: 409, data: { status: 'pending' } });
  });

  it.for<[string, string, unknown, number]>([
    ['a member that it does not know', 'cancel', { forse: true }, 400],
    ['an expectation that it does not know', 'cancel', { expect: { state: 'failed' } }, 400],
    ['a retry of a task that runs', 'retry', {}, 409],
    ['a device that is no id', 'reassign', { to: '-' }, 400],
  ])('refuses %s', async ([, act, body, expected]) => {
    const { task_id } = await insertRunning(session, names, 'w1');
    expect((await post(`${task_id}/${act}`, body)).status).toBe(expected);
  });
});

describe('acts on many', () => {
  const failed = async (n: number, task_type = 'sync_data') => {
    const ids = [];
    for (let k = 0; k < n; k += 1)
      ids.push(await insertTask(session, names, { status: 'failed', attempt: 1, task_type }));
    return ids;
  };
  const preview = async (body: unknown) => {
    const { status, json } = await post('preview', body);
    expect(status, JSON.stringify(json)).toBe(200);
    expectDescribed(previewAnswer, json);
    return json;
  };
  const acts = async (body: unknown, at = gateway) => (await post('acts', body, at)).json;
  const states = async () =>
    (await session.rows(`SELECT status FROM ${names.task} ORDER BY id`)).map((row) => row.status);
  const idsIn = (some: Array<{ task_id: string }>) => some.map((one) => Number(one.task_id));

  it('show what they would concern, then do it chunk by chunk, with a result for each task', async () => {
    const ids = (await failed(5, 'u')).reverse();
    await failed(2);
    const { token, total, sample } = await preview({ act: 'retry', filter: { task_type: 'u' }, reason: 'again' });
    expect([total, idsIn(sample)]).toEqual([{ count: 5, exact: true }, ids]);
    expect(await states()).toEqual(new Array(7).fill('failed'));
    // Not seen, so not touched.
    await failed(1, 'u');
    const first = await acts({ token, limit: 3 });
    expectDescribed(actsAnswer, first);
    expect(first).toMatchObject({ done: 3, refused: 0, by: 'http 127.0.0.1' });
    expect(idsIn(first.results)).toEqual(ids.slice(0, 3));
    const second = await acts({ token, limit: 3, cursor: first.cursor });
    expect(second).toMatchObject({ done: 5, refused: 0, cursor: null });
    expect(await states()).toEqual([...new Array(5).fill('pending'), ...new Array(3).fill('failed')]);
  });

  it('leave alone what has changed or is gone, and say so', async () => {
    const [a, b, c] = await failed(3);
    const { token } = await preview({ act: 'retry', filter: {} });
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ?`, [b]);
    await session.write(`DELETE FROM ${names.task} WHERE id = ?`, [c]);
    const results = [{ task_id: String(a), done: true, status: 'pending', code: null, message: null }];
    expect(await acts({ token })).toMatchObject({ results, cursor: null });
  });

  it('name the tasks that core refuses', async () => {
    const { task_id } = await insertRunning(session, names, 'w1');
    // Another program's: no attempt of afd holds it.
    const foreign = await insertTask(session, names, { status: 'running' });
    const { token } = await preview({ act: 'cancel', filter: { status: ['running'] }, reason: 'stop' });
    const json = await acts({ token });
    expectDescribed(actsAnswer, json);
    const message = expect.stringContaining('Another program');
    expect(json).toMatchObject({ done: 1, refused: 1 });
    expect(json.results).toMatchObject([
      { task_id: String(foreign), done: false, code: 'E_CONFLICT', status: 'running', message },
      { task_id: String(task_id), done: true, status: 'running' },
    ]);
  });

  it('go on at another gateway, and after an answer that was lost; one key signs for all, and no list shows it', async () => {
    await failed(4);
    const others = await Promise.all([startGateway(db), startGateway(db)]);
    const previews = await Promise.all(others.map((one) => post('preview', { act: 'retry', filter: {} }, one)));
    const { token } = previews[0]!.json;
    const { cursor } = await acts({ token, limit: 2 }, others[1]);
    await acts({ token, limit: 2, cursor });
    // The answer did not come: the same call again finds what is left.
    expect(await acts({ token, limit: 2, cursor }, others[1])).toMatchObject({ results: [], cursor: null });
    expect(await states()).toEqual(new Array(4).fill('pending'));
    const rows = await session.rows(`SELECT name, updated_by FROM ${names.setting} WHERE name LIKE 'http.%'`);
    expect(rows).toEqual([{ name: 'http.signing_key', updated_by: 'gateway' }]);
    expect(JSON.stringify((await gateway.call('/api/v1/settings')).json)).not.toContain('signing_key');
  });

  it('are refused with the preview of something else, and with one that nobody has made', async () => {
    await failed(2);
    const of = { act: 'retry', filter: { task_type: 'sync_data' } };
    const { token } = await preview(of);
    const tampered = `${token.slice(0, 8)}${token[8] === 'A' ? 'B' : 'A'}${token.slice(9)}`;
    for (const [body, status, message] of [
      [{ token, act: 'cancel' }, 409, /another act/],
      [{ token, filter: {} }, 409, /another filter/],
      [{ token: tampered }, 400, /not that of a preview/],
      [{ token: 'x' }, 400, /not that of a preview/],
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
    expect(second).toMatchObject({ done: 2 });
    later = 601;
    const detail = expect.stringContaining('older than 10 minutes');
    expect(await acts({ token })).toMatchObject({ status: 409, detail });
    expect(await acts({ token, cursor: second.cursor })).toMatchObject({ done: 3, cursor: null });
  });
});
