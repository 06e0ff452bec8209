// A gateway whose database is killed, stands still, and comes back.
import { memoryUsage } from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../../src/core/gateway/gateway.ts';
import type { App } from '../../../src/gateway/app.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { schemaOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

let server: PrivateServer;
beforeAll(async () => {
  server = await privateServer();
});
afterAll(() => server.stop());
afterEach(stopGateways);

const MB = 1024 * 1024;

/** As any route that asks the database. */
const routes = (app: App, { requests }: Gateway) => {
  app.get('/asks', () => requests.use(async (context) => (await context.session()).rows('SELECT 1 AS one')));
};

/** The answers to so many requests at once. */
const ask = (gateway: TestGateway, n: number) => Promise.all(Array.from({ length: n }, () => gateway.call('/asks')));
const well = (gateway: TestGateway) =>
  until(async () => (await ask(gateway, 50)).every(({ status }) => status === 200), PATIENCE_MS, 'answers to all');

describe('a gateway whose database', { timeout: MINUTES, ...skipBecause(NO_PRIVATE_SERVER, 'mysqld') }, () => {
  it.for([
    ['is killed', 'gone', () => server.kill(), () => server.start()],
    ['stands still', 'still', () => server.pause(), () => server.resume()],
  ] as const)(
    '%s refuses at once, stays small, and serves by itself when it is back',
    async ([, schema, fault, cure]) => {
      const db = await schemaOf(server, schema);
      const gateway = await startGateway(db, { routes });
      await well(gateway);
      await fault();
      // All that come before it is known to be away end too, with the same answer; more than may wait are among them.
      const first = await ask(gateway, 1500);
      for (const { status, headers, json } of first) {
        expect([status, headers.get('retry-after')]).toEqual([503, '2']);
        expect(['E_DATABASE', 'E_TEMPORARY']).toContain(json.code);
      }
      expect(first.some(({ json }) => json.code === 'E_DATABASE')).toBe(true);
      await until(() => gateway.gateway.watch.away !== undefined, PATIENCE_MS, 'the knowledge that it is away');

      // From now on nothing waits: thousands are refused, and none of them has used a session.
      const before = memoryUsage().rss;
      for (let n = 0; n < 10; n += 1) {
        const refused = await ask(gateway, 500);
        expect(new Set(refused.map(({ json }) => json.code))).toEqual(new Set(['E_DATABASE']));
      }
      expect(gateway.gateway.requests.waiting).toBe(0);
      expect(memoryUsage().rss - before).toBeLessThan(150 * MB);
      expect(await gateway.call('/readyz')).toMatchObject({ status: 503, json: { reasons: [{ reason: 'database' }] } });
      expect((await gateway.call('/healthz')).status).toBe(200);

      await cure();
      await well(gateway);
      await until(async () => (await gateway.call('/readyz')).status === 200, PATIENCE_MS, 'readiness');
      const said = (text: string) => gateway.lines.filter((line) => line.includes(text)).length;
      expect(said('requests are refused until the database answers again')).toBe(1);
      expect(said('requests are carried out')).toBe(1);
      await db.close();
    },
  );
});
