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
  it('cancels one that waits, with an empty body too', async () => {
    for (const body of [undefined, {}]) {
      const id = await insertTask(session, names);
      const { status, json } = await post(`${id}/cancel`, body);
      expect([status, json.status, json.by]).toEqual([200, 'cancelled', 'http 127.0.0.1']);
      expectDescribed(actAnswer, json);
    }
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
    expect((await post(`${failed}/retry`)).json).toMatchObject({
      task_id: String(failed),
      status: 'pending',
      attempt: 2,
    });
    await insertWorker(session, names, 'worker-12');
    const pending = await insertTask(session, names);
    expect(await post(`${pending}/reassign`, { to: 'worker-1' })).toMatchObject({
      status: 404,
      json: { code: 'E_NOT_FOUND' },
    });
    const { json } = await post(`${pending}/reassign`, { to: 'worker-12' });
    expectDescribed(actAnswer, json);
    expect(json).toMatchObject({ status: 'assigned', target_device_id: 'worker-12' });
    expect((await post(`${pending}/reassign`)).json).toMatchObject({ status: 'pending', target_device_id: null });
  });

  it.each(['cancel', 'retry', 'reassign'])('%s happens only to a task that is as it was seen', async (act) => {
    const id = await insertTask(session, names, { status: act === 'retry' ? 'failed' : 'pending', attempt: 2 });
    const before = await readTask(session, names, id);
    for (const expected of [{ status: 'running' }, { attempt: 1 }, { status: before?.status, attempt: 3 }]) {
      const { status, json } = await post(`${id}/${act}`, { expect: expected });
      expectDescribed(problem, json);
      expect([status, json.code, json.data.status, json.data.attempt]).toEqual([409, 'E_CONFLICT', before?.status, 2]);
      expect((await readTask(session, names, id))?.updated_at).toEqual(before?.updated_at);
    }
    expect((await post(`${id}/${act}`, { expect: { status: before?.status, attempt: 2 } })).status).toBe(200);
  });

  it('compares under the lock: what changes while it waits counts', async () => {
    const id = await insertTask(session, names, { status: 'failed', attempt: 1 });
    await session.write('START TRANSACTION');
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ?`, [id]);
    const waiting = post(`${id}/retry`, { expect: { status: 'failed' } });
    const other = await db.session();
    await statementRuns(other, '%WHERE id = % FOR UPDATE%');
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

  it('is 404 for a task that does not exist', async () => {
    expect((await post('999/cancel')).json).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
  });
});

describe('acts on many', () => {
  const failed = async (n: number, columns: Record<string, unknown> = {}) => {
    const ids = [];
    for (let k = 0; k < n; k += 1)
      ids.push(await insertTask(session, names, { status: 'failed', attempt: 1, ...columns }));
    return ids;
  };
  const preview = async (body: unknown) => {
    const { status, json } = await post('preview', body);
    expect(status, JSON.stringify(json)).toBe(200);
    expectDescribed(previewAnswer, json);
    return json;
  };
  const states = async () =>
    (await session.rows(`SELECT status FROM ${names.task} ORDER BY id`)).map((row) => row.status);
  const age = (seconds: number) => {
    // Seconds are added to the database's time in what the gateway reads.
    const { requests } = gateway.gateway;
    const use = requests.use.bind(requests);
    requests.use = (work) =>
      use(async (context) => {
        const own = await context.session();
        await own.write(`SET timestamp = UNIX_TIMESTAMP() + ${seconds}`);
        return work(context).finally(() => own.write('SET timestamp = DEFAULT'));
      });
  };

  it('show what they would concern, then do it chunk by chunk, with a result for each task', async () => {
    const ids = await failed(5, { task_type: 'u' });
    await failed(2);
    const shown = await preview({ act: 'retry', filter: { task_type: 'u' }, reason: 'again' });
    expect(shown.total).toEqual({ count: 5, exact: true });
    expect(shown.sample.map((one: { task_id: string }) => one.task_id)).toEqual([...ids].reverse().map(String));
    expect(await states()).toEqual(new Array(7).fill('failed'));
    // Not seen, so not touched.
    const later = await insertTask(session, names, { status: 'failed', task_type: 'u' });
    const first = (await post('acts', { token: shown.token, limit: 3 })).json;
    expectDescribed(actsAnswer, first);
    expect(first).toMatchObject({ done: 3, refused: 0, by: 'http 127.0.0.1' });
    expect(first.results.map((one: { task_id: string }) => one.task_id)).toEqual(
      [...ids].reverse().slice(0, 3).map(String),
    );
    const second = (await post('acts', { token: shown.token, limit: 3, cursor: first.cursor })).json;
    expect(second).toMatchObject({ done: 5, refused: 0, cursor: null });
    expect(await states()).toEqual([
      'pending',
      'pending',
      'pending',
      'pending',
      'pending',
      'failed',
      'failed',
      'failed',
    ]);
    expect((await readTask(session, names, later))?.status).toBe('failed');
  });

  it('leave alone what has changed or is gone, and say so', async () => {
    const [a, b, c] = await failed(3);
    const { token } = await preview({ act: 'retry', filter: {} });
    await session.write(`UPDATE ${names.task} SET status = 'pending' WHERE id = ?`, [b]);
    await session.write(`DELETE FROM ${names.task} WHERE id = ?`, [c]);
    const { json } = await post('acts', { token });
    expect(json.results).toEqual([{ task_id: String(a), done: true, status: 'pending', code: null, message: null }]);
    expect(json.cursor).toBeNull();
  });

  it('name the tasks that core refuses', async () => {
    const { task_id } = await insertRunning(session, names, 'w1');
    // Another program's: no attempt of afd holds it.
    const foreign = await insertTask(session, names, { status: 'running' });
    const { token } = await preview({ act: 'cancel', filter: { status: ['running'] }, reason: 'stop' });
    const { json } = await post('acts', { token });
    expectDescribed(actsAnswer, json);
    expect(json).toMatchObject({
      done: 1,
      refused: 1,
      results: [
        {
          task_id: String(foreign),
          done: false,
          code: 'E_CONFLICT',
          status: 'running',
          message: expect.stringContaining('Another program'),
        },
        { task_id: String(task_id), done: true, status: 'running' },
      ],
    });
  });

  it('go on at another gateway, and after an answer that was lost', async () => {
    await failed(4);
    const { token } = await preview({ act: 'retry', filter: {} });
    const other = await startGateway(db);
    const first = (await post('acts', { token, limit: 2 }, other)).json;
    await post('acts', { token, limit: 2, cursor: first.cursor });
    // The answer did not come: the same call again finds what is left.
    const again = (await post('acts', { token, limit: 2, cursor: first.cursor }, other)).json;
    expect(again).toMatchObject({ results: [], cursor: null });
    expect(await states()).toEqual(new Array(4).fill('pending'));
  });

  it('are refused with the preview of something else, and with one that nobody has made', async () => {
    await failed(2);
    const { token } = await preview({ act: 'retry', filter: { task_type: 'sync_data' } });
    const tampered = `${token.slice(0, 8)}${token[8] === 'A' ? 'B' : 'A'}${token.slice(9)}`;
    const refused: Array<[Record<string, unknown>, number, RegExp]> = [
      [{ token, act: 'cancel' }, 409, /another act/],
      [{ token, filter: {} }, 409, /another filter/],
      [{ token: tampered }, 400, /not that of a preview/],
      [{ token: `${token}x` }, 400, /not that of a preview/],
      [{ token: 'x' }, 400, /not that of a preview/],
      [{ token, cursor: token }, 400, /not one of this token/],
    ];
    for (const [body, expected, message] of refused) {
      const { status, json } = await post('acts', body);
      expect([status, json.detail], JSON.stringify(body)).toEqual([expected, expect.stringMatching(message)]);
    }
    expect(await states()).toEqual(['failed', 'failed']);
    expect((await post('acts', { token, act: 'retry', filter: { task_type: 'sync_data' } })).json).toMatchObject({
      done: 2,
    });
  });

  it('are refused when the preview is older than 10 minutes; a chunk that goes on is not', async () => {
    await failed(3);
    const { token } = await preview({ act: 'retry', filter: {} });
    const first = (await post('acts', { token, limit: 1 })).json;
    age(599);
    const second = (await post('acts', { token, limit: 1, cursor: first.cursor })).json;
    expect(second).toMatchObject({ done: 2 });
    age(2);
    expect((await post('acts', { token })).json).toMatchObject({
      status: 409,
      detail: expect.stringContaining('older than 10 minutes'),
    });
    expect((await post('acts', { token, cursor: second.cursor })).json).toMatchObject({ done: 3, cursor: null });
  });

  it('use one key for all gateways, which no list shows', async () => {
    const others = await Promise.all([startGateway(db), startGateway(db)]);
    await Promise.all(others.map((one) => post('preview', { act: 'cancel', filter: {} }, one)));
    const rows = await session.rows(`SELECT name, updated_by FROM ${names.setting} WHERE name LIKE 'http.%'`);
    expect(rows).toEqual([{ name: 'http.signing_key', updated_by: 'gateway' }]);
    const { json } = await gateway.call('/api/v1/settings');
    expect(JSON.stringify(json)).not.toContain('signing_key');
  });

  it('work through a chunk of 1,000 tasks', async () => {
    const digit =
      '(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
    await session.write(
      `INSERT INTO ${names.task} (task_type, status) SELECT 't', 'failed' FROM ${digit} a, ${digit} b, ${digit} c`,
    );
    const { token, total } = await preview({ act: 'cancel', filter: { status: ['failed'] } });
    expect(total).toEqual({ count: 1000, exact: true });
    let done = 0;
    let refused = 0;
    for (let cursor: string | undefined; ; ) {
      const { json } = await post('acts', { token, limit: 1000, ...(cursor && { cursor }) });
      ({ done, refused } = json);
      if (json.cursor === null) break;
      cursor = json.cursor;
    }
    // A task that has failed cannot be cancelled.
    expect([done, refused]).toEqual([0, 1000]);
  });
});
