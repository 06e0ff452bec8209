// A request with an Idempotency-Key whose COMMIT is carried out, or not, and nobody hears of it.
import { afterEach, describe, expect } from 'vitest';
import { databaseError } from '../../../src/core/db/database-error.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let gateway: TestGateway;
/** What happens to the next COMMIT of a gateway. */
let next: 'lost-after' | 'lost-before' | undefined;

const lost = () =>
  databaseError(Object.assign(new Error('Connection lost: injected'), { code: 'PROTOCOL_CONNECTION_LOST' }), 'test');

/** Before another gateway's request has its key; undefined = none takes it. */
let takeOver: (() => Promise<unknown>) | undefined;

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

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  next = undefined;
  gateway = await startGateway(db, { onSession: breakable });
});
afterEach(stopGateways);

const count = async (table: string) => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n);
const post = (path: string, body: unknown, key: string) =>
  gateway.call(path, body, { headers: { 'idempotency-key': key } });

describe.each([
  ['one task', { task_type: 'crawl' }, 1],
  ['two tasks of a new batch', { tasks: [{ task_type: 'a' }, { task_type: 'b' }], batch: { name: 'night' } }, 2],
])('%s without a dedupe_key', (_, body, tasks) => {
  it.each(['lost-after', 'lost-before'] as const)(
    'is added once when the connection is %s its COMMIT',
    async (when) => {
      next = when;
      const first = await post('/api/v1/tasks', body, 'k');
      expect(first).toMatchObject({ status: 503, json: { code: 'E_DATABASE' } });
      expect(await count(db.names.task)).toBe(when === 'lost-after' ? tasks : 0);
      const again = await post('/api/v1/tasks', body, 'k');
      expect(again.status).toBe(201);
      expect(again.headers.get('idempotency-replayed')).toBe(when === 'lost-after' ? 'true' : null);
      expect(await count(db.names.task)).toBe(tasks);
      expect(again.json.tasks).toHaveLength(tasks);
      const ids = await session.rows(`SELECT id FROM ${db.names.task} ORDER BY id`);
      expect(again.json.tasks.map((one: { task_id: string }) => Number(one.task_id))).toEqual(ids.map((one) => one.id));
      const third = await post('/api/v1/tasks', body, 'k');
      expect(third.json.tasks).toEqual(again.json.tasks);
    },
  );
});

it('a webhook is added once when the answer to its COMMIT is lost, and its secret is shown', async () => {
  const body = { url: 'https://example.com/hook', event_types: ['task.done'] };
  next = 'lost-after';
  expect((await post('/api/v1/webhooks', body, 'k')).status).toBe(503);
  const again = await post('/api/v1/webhooks', body, 'k');
  expect(again.status).toBe(201);
  expect(again.json.secret).toMatch(/^whsec_/);
  expect(await count(db.names.webhook)).toBe(1);
});

it('the key of a request that was refused while the database was away is free again once it is back', async () => {
  const { requests } = gateway.gateway;
  const use = requests.use.bind(requests);
  next = 'lost-before';
  let away = 3;
  requests.use = async (work) => {
    if (next === undefined && away > 0) {
      away -= 1;
      throw lost();
    }
    return use(work);
  };
  expect((await post('/api/v1/tasks', { task_type: 'crawl' }, 'k')).status).toBe(503);
  await until(async () => (await count(db.names.request)) === 0, undefined, 'the key is free');
  expect((await post('/api/v1/tasks', { task_type: 'crawl' }, 'k')).status).toBe(201);
  expect(await count(db.names.task)).toBe(1);
});

it('a request that another gateway has taken over adds nothing', async () => {
  // After 120 s without an answer.
  takeOver = () => session.write(`UPDATE ${db.names.request} SET owner = ?`, [Buffer.alloc(16, 7)]);
  expect(await post('/api/v1/tasks', { task_type: 'crawl' }, 'k')).toMatchObject({ status: 409 });
  expect(takeOver).toBeUndefined();
  expect(await count(db.names.task)).toBe(0);
});
