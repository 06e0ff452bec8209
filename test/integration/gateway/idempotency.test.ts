// A request with an Idempotency-Key whose COMMIT is carried out, or not, and nobody hears of it.
import { describe, expect } from 'vitest';
import { databaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, gateway, post: send, count } = {} as GatewayApi;
/** What happens to the next COMMIT of a gateway. */
let next: 'lost-after' | 'lost-before' | undefined;
/** Before another gateway's request has its key; undefined = none takes it. */
let takeOver: (() => Promise<unknown>) | undefined;

const lost = () =>
  databaseError(Object.assign(new Error('Connection lost: injected'), { code: 'PROTOCOL_CONNECTION_LOST' }), 'test');

function breakable(of: Session): void {
  const write = of.write.bind(of);
  of.write = async (sql, values) => {
    const when = sql === 'COMMIT' ? next : undefined;
    const take = sql.startsWith('UPDATE') && sql.includes('SET answer') ? takeOver : undefined;
    if (take !== undefined) takeOver = undefined;
    await take?.();
    if (when === undefined) return write(sql, values);
    next = undefined;
    if (when === 'lost-after') await write(sql, values);
    of.destroy();
    throw lost();
  };
}
eachWithGateway((opened) => ({ session, names, gateway, post: send, count } = opened), { onSession: breakable });

const post = (path: string, body: unknown) => send(path, body, { 'idempotency-key': 'k' });
const ONE = { task_type: 'crawl' };

it.each([
  ['one task', 'lost-after', ONE, 1],
  ['one task', 'lost-before', ONE, 1],
  ['two tasks of a new batch', 'lost-after', { tasks: [ONE, ONE], batch: { name: 'night' } }, 2],
] as const)('%s without a dedupe_key is added once when the connection is %s its COMMIT', async (_, when, body, n) => {
  next = when;
  expect(await post('/tasks', body)).toMatchObject({ status: 503, json: { code: 'E_DATABASE' } });
  expect(await count(names.task)).toBe(when === 'lost-after' ? n : 0);
  const again = await post('/tasks', body);
  expect(again.status).toBe(201);
  expect(again.headers.get('idempotency-replayed')).toBe(when === 'lost-after' ? 'true' : null);
  const ids = await session.rows(`SELECT id FROM ${names.task} ORDER BY id`);
  expect(again.json.tasks).toMatchObject(ids.map(({ id }) => ({ task_id: String(id) })));
  expect(ids).toHaveLength(n);
  expect((await post('/tasks', body)).json.tasks).toEqual(again.json.tasks);
});

describe('the key of a request', () => {
  it('that was refused while the database was away is free again once it is back', async () => {
    const { requests } = gateway.gateway;
    const use = requests.use.bind(requests);
    next = 'lost-before';
    let away = 3;
    requests.use = async (work) => {
      if (next !== undefined || away === 0) return use(work);
      away -= 1;
      throw lost();
    };
    expect((await post('/tasks', ONE)).status).toBe(503);
    await until(async () => (await count(names.request)) === 0, undefined, 'the key is free');
    expect((await post('/tasks', ONE)).status).toBe(201);
    expect(await count(names.task)).toBe(1);
  });

  it('that another gateway has taken over, after 120 s without an answer, adds nothing', async () => {
    takeOver = () => session.write(`UPDATE ${names.request} SET owner = ?`, [Buffer.alloc(16, 7)]);
    expect(await post('/tasks', ONE)).toMatchObject({ status: 409 });
    expect(takeOver).toBeUndefined();
    expect(await count(names.task)).toBe(0);
  });
});
