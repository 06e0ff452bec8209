// A gateway that hung carries out a claim after its worker has gone to another one: nobody waits for the answer any more.
import { afterEach, expect } from 'vitest';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { stopWorkers } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { until } from '../../helpers/wait.ts';
import { it } from '../../helpers/worked-tasks.ts';

afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

it.for([
  ['recorded', 1],
  // Claims of a type that has proved to be short are deferred.
  ['deferred', 25],
] as const)(
  'a %s claim that a gateway carries out late is given back when its worker has gone to another gateway, and its task runs once',
  async ([kind, before], { work }) => {
    const [a, b] = [await startGateway(work.db), await startGateway(work.db)];
    const [proxyA, proxyB] = [await tcpProxy(a.url), await tcpProxy(b.url)];
    const runs: number[] = [];
    work.start({
      ...{ gateways: [proxyA.url, proxyB.url], handlers: { t: ({ task_id }) => void runs.push(task_id) } },
      ...{ database: { call_timeout: 1 }, worker: { max_concurrent_tasks: 1 } },
    });
    await work.addMany(before);
    await until(() => runs.length === before);
    const held = proxyA.holdRequest('/exchange', '"claim":{', `"defer":${kind === 'deferred'}`);
    const first = await work.add();
    const release = await held;
    // The second gateway says that the claim has brought nothing, and claims the task anew.
    await work.ended(first);
    // No other claim of this worker gets through.
    for (const one of [proxyA, proxyB]) one.freeze();
    const late = await work.add();
    release();
    await work.ended(late, 'running');
    expect((await work.task(late)).claimed_by === null).toBe(kind === 'recorded');
    expect(runs).not.toContain(late);
    proxyB.restore();
    await work.ended(late);
    expect(runs.slice(before)).toEqual([first, late]);
    expect(await work.attempts(first)).toMatchObject([{ status: 'completed' }]);
    expect(await work.attempts(late)).toMatchObject([
      { status: 'released', cause: 'unclaimed' },
      { status: 'completed' },
    ]);
  },
);
