// A submitter sees and changes what they have added, and what others have added is for them as if it did not exist.
import { describe, expect } from 'vitest';
import { endKey, rotateKey } from '../../../src/core/access/manage-keys.ts';
import { addUser, removeUser } from '../../../src/core/access/manage-users.ts';
import { mayAccess } from '../../../src/core/domain/access/role.ts';
import { OPERATION_ACCESS } from '../../../src/http/operations/access.ts';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { type Access, bearer, eachWithAccess, type Headers, OWN, PASSWORD } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { insertAttempt } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';

let { given, context, start, keyOf, signedIn } = {} as Access;
let gateway: TestGateway;
let one: Headers;
let two: Headers;
eachWithAccess((opened) => ({ given, context, start, keyOf, signedIn } = opened));
it.beforeEach(async () => {
  gateway = await start();
  [one, two] = [(await keyOf('submitter')).headers, (await keyOf('submitter')).headers];
});

const send = (by: Headers, method: string, path: string, body?: unknown) =>
  gateway.call(`/api/v1${path}`, body, { method, headers: by });
const get = (by: Headers, path: string) => send(by, 'GET', path);
const add = async (by: Headers, body: unknown = { task_type: 't' }) => {
  const { status, json } = await send(by, 'POST', '/tasks', body);
  expect(status).toBe(201);
  return { ids: json.tasks.map((task: { task_id: string }) => task.task_id) as string[], batch_id: json.batch_id };
};
const listed = async (by: Headers, query = '') =>
  (await get(by, `/tasks${query}`)).json.tasks.map((task: { task_id: string }) => task.task_id);
/** Without what is of this request alone. */
const problem = ({ status, json }: { status: number; json: Record<string, unknown> }) => {
  const { request_id: _, instance: __, ...rest } = json;
  return { status, ...rest };
};

describe('a submitter', () => {
  it('lists, shows, waits for, cancels and exports what they have added', async () => {
    const [first, second] = (await add(one, [{ task_type: 't' }, { task_type: 'u' }])).ids as [string, string];
    const others = await add(two);
    expect(await listed(one)).toEqual([second, first]);
    expect(await listed(one, '?task_type=t')).toEqual([first]);
    const page = await get(one, '/tasks?limit=1');
    expect(page.json).toMatchObject({ tasks: [{ task_id: second }], total: { count: 2, exact: true } });
    expect(await listed(one, `?limit=1&cursor=${page.json.cursor}`)).toEqual([first]);
    expect(await get(two, `/tasks?limit=1&cursor=${page.json.cursor}`)).toMatchObject({ status: 400 });
    const exported = await fetch(`${gateway.url}/api/v1/tasks/results/export?format=jsonl`, { headers: one });
    expect((await exported.text()).match(/"task_id":\d+/g)).toEqual([first, second].map((id) => `"task_id":${id}`));
    // Which devices there are, and what they lack, is for those who may see the fleet.
    await given.rows.worker('a-device');
    const { task } = (await get(one, `/tasks/${first}`)).json;
    expect(task).toMatchObject({ status: 'pending', acts: null, waiting: { devices: [] } });
    expect(JSON.stringify(task)).not.toContain('a-device');
    expect(await get(one, `/tasks/${first}/wait?seconds=0`)).toMatchObject({ status: 200, json: { ended: false } });
    expect(await get(one, `/tasks/${first}/logs`)).toMatchObject({ status: 200, json: { entries: [] } });
    expect(await send(one, 'POST', `/tasks/${first}/cancel`, {})).toMatchObject({ status: 200 });
    const device = await given.rows.device();
    const columns = { status: 'completed', result: '{"n": 1}' };
    await insertAttempt(given.session, given.db.names, { device, task_id: Number(second), columns });
    await given.session.write(`UPDATE ${given.db.names.task} SET status = 'done', attempt = 1 WHERE id = ?`, [second]);
    expect(await get(one, `/tasks/${second}/result`)).toMatchObject({ status: 200, json: { result: { n: 1 } } });
    const operator = (await keyOf('operator')).headers;
    expect(await listed(operator)).toEqual([...others.ids, second, first]);
    await add(operator);
    const owned = await given.session.rows(`SELECT 1 FROM ${given.db.names.taskOwner}`);
    expect(owned, 'those who see all cost no row').toHaveLength(3);
  });

  it('follow a log no further when their key is revoked', async () => {
    const { headers, key } = await keyOf('submitter');
    const { ids } = await add(headers);
    const response = await fetch(`${gateway.url}/api/v1/tasks/${ids[0]}/logs?follow=1`, { headers });
    expect(response.status).toBe(200);
    await endKey(context, key.key_id, actor());
    // It ends by itself: the task waits for ever.
    expect(await response.text()).not.toContain('event: end');
  });

  it('gets for each task and batch of somebody else what there is for one that does not exist', async () => {
    const theirs = await add(two, { tasks: [{ task_type: 't' }], batch: { name: 'b', open: true } });
    // One of a program that writes to the table, which nobody here has added.
    const nobodys = String(await given.rows.task());
    const concerned = Object.entries(OPERATIONS).filter(
      ([id, { path }]) =>
        /\{(task|batch)_id\}/.test(path) && mayAccess('submitter', OPERATION_ACCESS[id as keyof typeof OPERATIONS]),
    );
    expect(concerned.map(([id]) => id)).toEqual([
      ...['showTask', 'taskResult', 'waitForTask', 'taskLogs', 'cancelTask', 'showBatch', 'sealBatch'],
    ]);
    const NONE = '999999999';
    for (const [id, { method, path }] of concerned) {
      const ask = async (number: string) => {
        const full = path.replace('/api/v1', '').replace(/\{\w+\}/, number);
        return problem(await send(one, method, full, method === 'POST' ? {} : undefined));
      };
      const missing = await ask(NONE);
      expect([id, missing]).toMatchObject([id, { status: 404, code: 'E_NOT_FOUND' }]);
      for (const number of path.includes('task_id') ? [theirs.ids[0]!, nobodys] : [theirs.batch_id]) {
        const said = JSON.stringify(await ask(number)).replace(new RegExp(`\\b${number}\\b`, 'g'), NONE);
        expect([id, JSON.parse(said)]).toEqual([id, missing]);
      }
    }
    expect(await given.rows.readTask(Number(theirs.ids[0]))).toMatchObject({ status: 'pending' });
    expect((await get(two, `/batches/${theirs.batch_id}`)).json.batch).toMatchObject({ state: 'open' });
  });

  it('adds to their own batches, lists and seals them', async () => {
    const batch = { tasks: [{ task_type: 't' }], batch: { name: 'b', open: true } };
    const [mine, theirs] = [(await add(one, batch)).batch_id, (await add(two, batch)).batch_id];
    await add(one, { tasks: [{ task_type: 't' }], batch_id: mine });
    const refused = await send(one, 'POST', '/tasks', { tasks: [{ task_type: 't' }], batch_id: theirs });
    expect(refused).toMatchObject({ status: 404, json: { detail: `There is no batch ${theirs}.` } });
    expect(await listed(one, `?batch_id=${theirs}`)).toEqual([]);
    expect(await listed(one, `?batch_id=${mine}`)).toHaveLength(2);
    const names = async (by: Headers) =>
      (await get(by, '/batches')).json.batches.map((row: { batch_id: string }) => row.batch_id);
    expect([await names(one), await names(two)]).toEqual([[mine], [theirs]]);
    expect(await names((await keyOf('operator')).headers)).toEqual([theirs, mine]);
    expect(await send(one, 'POST', `/batches/${mine}/seal`)).toMatchObject({ status: 200, json: { already: false } });
  });

  it('keeps what they have added when their key is replaced, and shares it with nobody of the same name', async () => {
    const old = await keyOf('submitter');
    const { ids } = await add(old.headers);
    const times = { overlapS: 86_400, lifetimeS: 86_400 };
    const next = await rotateKey(context, old.key.key_id, times, actor());
    const last = bearer((await rotateKey(context, next.key.key_id, times, actor())).text);
    expect(await listed(last)).toEqual(ids);
    const later = await add(last);
    expect(await listed(old.headers)).toEqual([...later.ids, ...ids]);
    expect(await listed(one)).toEqual([]);
  });

  it('is also a person, and their key in a browser; a later person with the name is another one', async () => {
    const bob = async () => {
      await addUser(context, { name: 'bob', role: 'submitter', password: PASSWORD }, actor());
      return { 'content-type': 'application/json', ...(await signedIn('bob')) };
    };
    const first = await bob();
    const { ids } = await add(first);
    expect(await listed(first)).toEqual(ids);
    await removeUser(context, 'bob', actor());
    expect(await listed(await bob())).toEqual([]);
    const { headers, text } = await keyOf('submitter');
    const of = await add(headers);
    const session = await gateway.call('/api/v1/session', { api_key: text });
    const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
    expect(await listed({ cookie, ...OWN })).toEqual(of.ids);
  });

  it('does not get a task by its dedupe key, nor an answer by an Idempotency-Key of somebody else', async () => {
    const task = { task_type: 't', dedupe_key: 'd' };
    const { ids } = await add(two, task);
    const again = await send(one, 'POST', '/tasks', task);
    expect(again).toMatchObject({ status: 200, json: { tasks: [{ task_id: ids[0], created: false }] } });
    expect(await listed(one)).toEqual([]);
    const keyed = (by: Headers) => add({ ...by, 'idempotency-key': 'k' });
    const [a, b, c] = [await keyed(one), await keyed(two), await keyed(one)];
    expect(a.ids).not.toEqual(b.ids);
    expect(c.ids).toEqual(a.ids);
  });
});
