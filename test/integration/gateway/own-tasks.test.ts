// A submitter sees and changes what they have added, and what others have added is for them as if it did not exist.
import { afterEach, describe, expect } from 'vitest';
import { endKey, makeKey, rotateKey } from '../../../src/core/access/manage-keys.ts';
import { addUser, removeUser } from '../../../src/core/access/manage-users.ts';
import { mayAccess } from '../../../src/core/domain/access/role.ts';
import { OPERATION_ACCESS } from '../../../src/http/operations/access.ts';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';

const DAY = 86_400;
const OWN = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
let given: Given;
let gateway: TestGateway;
let context: ReturnType<typeof testContext>;

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  gateway = await startGateway(given.db, { server: { auth: 'keys' }, limits: { requestsPerAddress: 100_000 } });
  context = testContext(given.db);
  onTestFinished(() => context.close());
});
afterEach(stopGateways);

type Headers = Record<string, string>;
const keyOf = (role: 'submitter' | 'operator' | 'viewer') =>
  makeKey(context, { name: 'one name', role, device_id: null, lifetimeS: DAY }, actor());
const bearer = ({ text }: { text: string }) => ({ authorization: `Bearer ${text}` });
const send = (by: Headers, method: string, path: string, body?: unknown) =>
  gateway.call(`/api/v1${path}`, body, { method, headers: by });
const get = (by: Headers, path: string) => send(by, 'GET', path);
const add = async (by: Headers, body: unknown = { task_type: 't' }) => {
  const { status, json } = await send(by, 'POST', '/tasks', body);
  expect(status).toBe(201);
  return { ids: json.tasks.map((one: { task_id: string }) => one.task_id) as string[], batch_id: json.batch_id };
};
const listed = async (by: Headers, query = '') =>
  (await get(by, `/tasks${query}`)).json.tasks.map((one: { task_id: string }) => one.task_id);
const exported = async (by: Headers) => {
  const answer = await fetch(`${gateway.url}/api/v1/tasks/results/export?format=jsonl`, { headers: by });
  return (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => String(JSON.parse(line).task_id));
};
/** Without what is of this request alone. */
const problem = ({ status, json }: { status: number; json: Record<string, unknown> }) => {
  const { request_id: _, instance: __, ...rest } = json;
  return { status, ...rest };
};

describe('a submitter', () => {
  it('lists, shows, waits for, cancels and exports what they have added', async () => {
    const [one, two] = [bearer(await keyOf('submitter')), bearer(await keyOf('submitter'))];
    const mine = await add(one, [{ task_type: 't' }, { task_type: 'u' }]);
    const others = await add(two);
    const [first, second] = mine.ids as [string, string];
    expect(await listed(one)).toEqual([second, first]);
    expect(await listed(one, '?task_type=t')).toEqual([first]);
    expect(await listed(one, '?status=pending')).toEqual([second, first]);
    expect(await listed(two)).toEqual(others.ids);
    expect((await get(one, '/tasks')).json.total).toEqual({ count: 2, exact: true });
    const page = await get(one, '/tasks?limit=1');
    expect(page.json.tasks).toMatchObject([{ task_id: second }]);
    expect(await listed(one, `?limit=1&cursor=${page.json.cursor}`)).toEqual([first]);
    expect(await get(two, `/tasks?limit=1&cursor=${page.json.cursor}`)).toMatchObject({ status: 400 });
    expect(await exported(one)).toEqual([first, second]);
    await given.rows.worker('a-device');
    // Which devices there are, and what they lack, is for those who may see the fleet.
    const { task } = (await get(one, `/tasks/${first}`)).json;
    expect(task).toMatchObject({ status: 'pending', acts: null, waiting: { devices: [] } });
    expect(JSON.stringify(task)).not.toContain('a-device');
    const seen = (await get(bearer(await keyOf('viewer')), `/tasks/${first}`)).json.task;
    expect(JSON.stringify(seen.waiting)).toContain('a-device');
    expect(await get(one, `/tasks/${first}/wait?seconds=0`)).toMatchObject({ status: 200, json: { ended: false } });
    expect(await get(one, `/tasks/${first}/logs`)).toMatchObject({ status: 200, json: { entries: [] } });
    expect(await send(one, 'POST', `/tasks/${first}/cancel`, {})).toMatchObject({ status: 200 });
    expect(await given.rows.readTask(Number(first))).toMatchObject({ status: 'cancelled' });
    await given.session.write(`UPDATE ${given.db.names.task} SET status = 'done', attempt = 1 WHERE id = ?`, [second]);
    await given.session.write(
      `INSERT INTO ${given.db.names.assignment} (task_id, device_id, attempt, claim_token, status, result)
       VALUES (?, 'w1', 1, '', 'completed', '{"n": 1}')`,
      [second],
    );
    expect(await get(one, `/tasks/${second}/result`)).toMatchObject({ status: 200, json: { result: { n: 1 } } });
    const operator = bearer(await keyOf('operator'));
    expect(await listed(operator)).toEqual([...others.ids, second, first]);
  });

  it('follow a log no further when their key is revoked', async () => {
    const { text, key } = await keyOf('submitter');
    const { ids } = await add(bearer({ text }), { tasks: [{ task_type: 't' }] });
    const response = await fetch(`${gateway.url}/api/v1/tasks/${ids[0]}/logs?follow=1`, { headers: bearer({ text }) });
    expect(response.status).toBe(200);
    await endKey(context, key.key_id, actor());
    // It ends by itself: the task waits for ever.
    expect(await response.text()).not.toContain('event: end');
  });

  it('gets for each task and batch of somebody else what there is for one that does not exist', async () => {
    const [one, two] = [bearer(await keyOf('submitter')), bearer(await keyOf('submitter'))];
    const theirs = await add(two, { tasks: [{ task_type: 't' }], batch: { name: 'b', open: true } });
    // One of a program that writes to the table, which nobody here has added.
    const nobodys = await given.rows.task();
    const concerned = Object.entries(OPERATIONS).filter(
      ([id, { path }]) =>
        /\{(task|batch)_id\}/.test(path) && mayAccess('submitter', OPERATION_ACCESS[id as keyof typeof OPERATIONS]),
    );
    expect(concerned.map(([id]) => id)).toEqual([
      ...['showTask', 'taskResult', 'waitForTask', 'taskLogs', 'cancelTask', 'showBatch', 'sealBatch'],
    ]);
    for (const [id, { method, path }] of concerned) {
      const ask = async (number: string) => {
        const full = path.replace('/api/v1', '').replace(/\{\w+\}/, number);
        return problem(await send(one, method, full, method === 'POST' ? {} : undefined));
      };
      const [task, batch] = ['999999999', '999999999'];
      const missing = await ask(path.includes('task_id') ? task : batch);
      expect([id, missing.status, (missing as { code?: string }).code]).toEqual([id, 404, 'E_NOT_FOUND']);
      for (const number of path.includes('task_id') ? [theirs.ids[0]!, String(nobodys)] : [theirs.batch_id]) {
        const said = JSON.parse(
          JSON.stringify(await ask(number)).replace(new RegExp(`\\b${number}\\b`, 'g'), '999999999'),
        );
        expect([id, said]).toEqual([id, missing]);
      }
    }
    expect(await given.rows.readTask(Number(theirs.ids[0]))).toMatchObject({ status: 'pending' });
    expect((await get(two, `/batches/${theirs.batch_id}`)).json.batch).toMatchObject({ state: 'open' });
  });

  it('adds to their own batches, lists and seals them', async () => {
    const [one, two] = [bearer(await keyOf('submitter')), bearer(await keyOf('submitter'))];
    const batch = { tasks: [{ task_type: 't' }], batch: { name: 'b', open: true } };
    const [mine, theirs] = [(await add(one, batch)).batch_id, (await add(two, batch)).batch_id];
    const more = await add(one, { tasks: [{ task_type: 't' }], batch_id: mine });
    expect((await listed(one)).slice(0, 1)).toEqual(more.ids);
    const refused = await send(one, 'POST', '/tasks', { tasks: [{ task_type: 't' }], batch_id: theirs });
    expect(refused).toMatchObject({ status: 404, json: { detail: `There is no batch ${theirs}.` } });
    expect(await listed(one, `?batch_id=${theirs}`)).toEqual([]);
    expect(await listed(one, `?batch_id=${mine}`)).toHaveLength(2);
    const names = async (by: Headers) =>
      (await get(by, '/batches')).json.batches.map((row: { batch_id: string }) => row.batch_id);
    expect(await names(one)).toEqual([mine]);
    expect(await names(two)).toEqual([theirs]);
    expect(await names(bearer(await keyOf('operator')))).toEqual([theirs, mine]);
    expect(await send(one, 'POST', `/batches/${mine}/seal`)).toMatchObject({ status: 200, json: { already: false } });
  });

  it('keeps what they have added when their key is replaced, and shares it with nobody of the same name', async () => {
    const old = await keyOf('submitter');
    const { ids } = await add(bearer(old));
    let key = old;
    for (let n = 0; n < 2; n += 1) {
      key = await rotateKey(context, key.key.key_id, { overlapS: DAY, lifetimeS: DAY }, actor());
      expect(await listed(bearer(key))).toEqual(ids);
    }
    const later = await add(bearer(key));
    expect(await listed(bearer(old))).toEqual([...later.ids, ...ids]);
    expect(await listed(bearer(await keyOf('submitter')))).toEqual([]);
  });

  it('is also a person, and their key in a browser; a later person with the name is another one', async () => {
    const sign = async (body: object) => {
      const { status, headers } = await gateway.call('/api/v1/session', body);
      expect(status).toBe(200);
      return { cookie: headers.get('set-cookie')!.split(';')[0]!, ...OWN };
    };
    const password = 'correct horse battery';
    const bob = async () => {
      await addUser(context, { name: 'bob', role: 'submitter', password }, actor());
      return sign({ user: 'bob', password });
    };
    const first = await bob();
    const { ids } = await add(first);
    expect(await listed(first)).toEqual(ids);
    expect(await get(first, '/session')).toMatchObject({ json: { session: { user: 'bob', role: 'submitter' } } });
    await removeUser(context, 'bob', actor());
    expect(await listed(await bob())).toEqual([]);
    const key = await keyOf('submitter');
    const of = await add(bearer(key));
    expect(await listed(await sign({ api_key: key.text }))).toEqual(of.ids);
  });

  it('does not get a task by its dedupe key, nor an answer by an Idempotency-Key of somebody else', async () => {
    const [one, two] = [bearer(await keyOf('submitter')), bearer(await keyOf('submitter'))];
    const task = { task_type: 't', dedupe_key: 'd' };
    const { ids } = await add(two, task);
    const again = await send(one, 'POST', '/tasks', task);
    expect(again).toMatchObject({ status: 200, json: { tasks: [{ task_id: ids[0], created: false }] } });
    expect(await get(one, `/tasks/${ids[0]}`)).toMatchObject({ status: 404 });
    expect(await listed(one)).toEqual([]);
    const keyed = (by: Headers) => add({ ...by, 'idempotency-key': 'k' });
    const [a, b, c] = [await keyed(one), await keyed(two), await keyed(one)];
    expect(a.ids).not.toEqual(b.ids);
    expect(c.ids).toEqual(a.ids);
    expect(await listed(one)).toEqual(a.ids);
  });

  it('costs those who see all no row', async () => {
    const operator = bearer(await keyOf('operator'));
    await add(operator, [{ task_type: 't' }, { task_type: 't' }]);
    const [row] = await given.session.rows(`SELECT COUNT(*) AS n FROM ${given.db.names.taskOwner}`);
    expect(Number(row!.n)).toBe(0);
    expect(await listed(operator)).toHaveLength(2);
  });
});
