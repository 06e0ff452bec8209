// GET /api/v1/events over HTTP, read by the client that afd has for it.
import { afterEach, describe, expect } from 'vitest';
import { AfdHttpClient, AfdHttpError, type StreamEvent } from '../../../src/http/client/index.ts';
import type { ChangeEvent } from '../../../src/http/events-contract.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

afterEach(() => stopGateways());

/** Reads a stream in the background. */
function listen(client: AfdHttpClient, query: Parameters<AfdHttpClient['events']>[0] = {}, lastEventId?: string) {
  const stop = new AbortController();
  const seen: Array<StreamEvent<ChangeEvent>> = [];
  const events = client.events(query, { signal: stop.signal, ...(lastEventId === undefined ? {} : { lastEventId }) });
  const ended = (async () => {
    for await (const event of events) seen.push(event);
  })();
  ended.catch(() => {});
  const hears = (fits: (data: ChangeEvent) => boolean) => until(() => seen.find((one) => fits(one.data)));
  return { seen, hears, ended, stop: () => stop.abort() };
}

describe('GET /api/v1/events', () => {
  it('tells changes with ids from which another stream goes on', async ({ db, rows }) => {
    const { url } = await startGateway(db);
    const client = new AfdHttpClient(url);
    const first = listen(client);
    const ready = await first.hears((one) => one.type === 'ready');
    expect(ready.id).toMatch(/^test-host-gateway\.[0-9a-f]{8}:\d+$/);
    const a = await rows.task({ task_type: 'a' });
    const created = await first.hears((one) => one.type === 'task.created' && one.task_id === String(a));
    expect(created).toMatchObject({ event: 'task.created', data: { task_type: 'a', status: 'pending' } });
    first.stop();
    await first.ended;
    const b = await rows.task({ task_type: 'b' });
    const second = listen(client, {}, created.id);
    await second.hears((one) => one.type === 'task.created' && one.task_id === String(b));
    expect(second.seen.filter((one) => one.event === 'task.created')).toHaveLength(1);
    const elsewhere = listen(client, {}, 'other-gateway.00000000:5');
    expect((await elsewhere.hears(() => true)).data).toMatchObject({ type: 'resync', reason: 'other_gateway' });
    for (const one of [second, elsewhere]) one.stop();
  });

  it('is filtered, and says which types there are when it does not know one', async ({ db, rows }) => {
    const { url, call } = await startGateway(db);
    const client = new AfdHttpClient(url);
    const some = listen(client, { types: 'task.created', task_type: 'b,c' });
    await some.hears((one) => one.type === 'ready');
    for (const task_type of ['a', 'b', 'c']) await rows.task({ task_type });
    await some.hears((one) => one.type === 'task.created' && one.task_type === 'c');
    const types = some.seen.map(({ data }) => ('task_type' in data ? data.task_type : data.type));
    expect(types).toEqual(['ready', 'b', 'c']);
    some.stop();
    const wrong = await call('/api/v1/events?types=task.createt');
    expect(wrong).toMatchObject({ status: 400, json: { code: 'E_USAGE' } });
    expect(wrong.json.detail).toContain('task.created, task.started');
    await expect(client.events({ types: 'nothing' }).next()).rejects.toThrow(AfdHttpError);
  });
});
