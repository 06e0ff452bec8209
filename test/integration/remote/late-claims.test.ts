// A gateway that hung carries out a claim after its worker has gone to another one: nobody waits for the answer any more.
import { afterEach, describe, expect } from 'vitest';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { until } from '../../helpers/wait.ts';

afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

/** Ends after which the tasks of a type count as short, so that their claims are deferred. */
const SHORT_FROM = 20;

describe('a claim that a gateway carries out late', () => {
  for (const kind of ['deferred', 'recorded'] as const) {
    it(`is given back when its worker has gone to another gateway, and its task runs once (${kind})`, async ({
      given,
    }) => {
      const { db, session } = given;
      const [a, b] = [await startGateway(db), await startGateway(db)];
      const [proxyA, proxyB] = [await tcpProxy(a.url), await tcpProxy(b.url)];
      const runs: number[] = [];
      startWorker(db, {
        ...{ gateways: [proxyA.url, proxyB.url], handlers: { t: ({ task_id }) => void runs.push(task_id) } },
        database: { call_timeout: 1 },
        worker: { max_concurrent_tasks: 1 },
      });
      const add = () => insertTask(session, db.names, { task_type: 't' });
      const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
      const attempts = (id: number) =>
        session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
      const before = kind === 'deferred' ? SHORT_FROM + 5 : 1;
      for (let n = 0; n < before; n += 1) await add();
      await until(() => runs.length === before);
      const held = proxyA.holdRequest('/exchange', '"claim":{', `"defer":${kind === 'deferred'}`);
      const first = await add();
      const release = await held;
      // The second gateway says that the claim has brought nothing, and claims the task anew.
      await until(async () => (await task(first)).status === 'done', PATIENCE_MS, `task ${first}`);
      // No other claim of this worker gets through.
      for (const one of [proxyA, proxyB]) one.freeze();
      const late = await add();
      release();
      await until(async () => (await task(late)).status === 'running', PATIENCE_MS, `the late claim of task ${late}`);
      expect((await task(late)).claimed_by === null).toBe(kind === 'recorded');
      expect(runs).not.toContain(late);
      proxyB.restore();
      await until(async () => (await task(late)).status === 'done', PATIENCE_MS, `task ${late}`);
      expect(runs.filter((one) => one === first)).toEqual([first]);
      expect(runs.filter((one) => one === late)).toEqual([late]);
      expect(await attempts(first)).toMatchObject([{ status: 'completed' }]);
      expect(await attempts(late)).toMatchObject([{ status: 'released', cause: 'unclaimed' }, { status: 'completed' }]);
    });
  }
});
