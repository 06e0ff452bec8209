// GET /api/v1/events over HTTP, read by the client that afd has for it.
import { describe, expect } from 'vitest';
import { AfdHttpClient, type StreamEvent } from '../../../src/http/client/index.ts';
import type { ChangeEvent } from '../../../src/http/events-contract.ts';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { gateway, rows, get } = {} as GatewayApi;
eachWithGateway((opened) => ({ gateway, rows, get } = opened));

/** Reads a stream in the background, until `stop`. */
function listen(query: Parameters<AfdHttpClient['events']>[0] = {}, lastEventId?: string) {
  const stop = new AbortController();
  const seen: Array<StreamEvent<ChangeEvent>> = [];
  const more = lastEventId === undefined ? {} : { lastEventId };
  const ended = (async () => {
    for await (const event of new AfdHttpClient(gateway.url).events(query, { signal: stop.signal, ...more }))
      seen.push(event);
  })();
  ended.catch(() => {});
  const hears = (type: string, task_id?: number) =>
    until(() =>
      seen.find(
        ({ data }) => data.type === type && (!task_id || (data as { task_id: string }).task_id === String(task_id)),
      ),
    );
  return { seen, hears, stop: () => stop.abort() };
}

describe('GET /api/v1/events', () => {
  it('tells changes with ids from which another stream goes on', async () => {
    const first = listen();
    expect((await first.hears('ready')).id).toMatch(/^test-host-gateway\.[0-9a-f]{8}:\d+$/);
    const created = await first.hears('task.created', await rows.task({ task_type: 'a' }));
    expect(created).toMatchObject({ event: 'task.created', data: { task_type: 'a', status: 'pending' } });
    first.stop();
    const b = await rows.task({ task_type: 'b' });
    const second = listen({}, created.id);
    await second.hears('task.created', b);
    expect(second.seen.filter((one) => one.event === 'task.created')).toHaveLength(1);
    const elsewhere = listen({}, 'other-gateway.00000000:5');
    expect((await elsewhere.hears('resync')).data).toMatchObject({ reason: 'other_gateway' });
    for (const one of [second, elsewhere]) one.stop();
  });
});
