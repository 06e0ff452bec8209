// Exports over HTTP: whole, as fast as the client reads, and without a session for one that does not.
import { describe, expect } from 'vitest';
import { insertAttempt } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, rows, gateway } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, rows, gateway } = opened));

const PATH = '/api/v1/tasks/results/export';
const exported = async (query = '') => {
  const response = await fetch(`${gateway.url}${PATH}?${query}`);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** 20,000 tasks with some kilobytes each. */
async function fill(): Promise<void> {
  const insert = `INSERT INTO ${names.task} (task_type, status, task_data)`;
  const data = `CONCAT('{"a":"', REPEAT('x', 2000), '"}')`;
  await session.write(`${insert} VALUES ${Array(625).fill(`('t', 'done', ${data})`).join(', ')}`);
  for (let n = 0; n < 5; n += 1) await session.write(`${insert} SELECT 't', 'done', task_data FROM ${names.task}`);
}

describe('an export', () => {
  it('has a line for each task that fits, oldest first, with its result; what cannot begin is a problem', async () => {
    const device = await rows.device({ device_id: 'w1' });
    const done = await rows.task({ status: 'done', attempt: 1, task_type: 'u' });
    const columns = { status: 'completed', result: '{"rows":2}' };
    await insertAttempt(session, names, { device, task_id: done, columns });
    const waits = await rows.task();
    const { type, text } = await exported();
    expect(type).toMatch(/^application\/x-ndjson/);
    expect(linesOf(text)).toMatchObject([
      { task_id: done, result: { rows: 2 } },
      { task_id: waits, result: null },
    ]);
    const csv = await exported('format=csv&task_type=u');
    expect(csv.type).toMatch(/^text\/csv/);
    expect(csv.text).toMatch(/^task_id,task_type.*\r\n\d+,u,done.*\r\n$/);
    expect((await exported('status=failed')).text).toBe('');
    for (const [query, status] of Object.entries({ 'status=lost': 400, 'device_id=nobody': 404 }))
      expect(await exported(query)).toMatchObject({ status, type: 'application/problem+json' });
  });

  it('holds no session and stops reading while its client does not read, and ends when the client goes', async () => {
    await fill();
    const ids = linesOf((await exported()).text).map(({ task_id }) => task_id);
    expect(new Set(ids).size).toBe(20_000);
    const open = async () => {
      const one = await rawSocket(gateway.url);
      one.socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await new Promise((resolve) => one.socket.once('data', resolve));
      return statusOf(one.text) === 200 && one.socket.pause();
    };
    // The place of the first is free again in a moment.
    const clients = await Promise.all(Array.from({ length: 4 }, () => until(open)));
    const { requests } = gateway.gateway;
    let uses = 0;
    const use = requests.use.bind(requests);
    requests.use = (work) => {
      uses += 1;
      return use(work);
    };
    // It stands still: the buffers of the kernel are full, and nothing is read of the database any more.
    let [before, still] = [-1, 0];
    await until(() => {
      still = uses === before && requests.busy === 0 ? still + 1 : 0;
      before = uses;
      return still > 20;
    });
    // One more than a gateway writes at once.
    expect((await exported()).status).toBe(503);
    for (const one of clients) one.destroy();
    await until(async () => (await exported('status=failed')).status === 200);
  });

  it('that breaks off does not look complete', async () => {
    await fill();
    const rest = (await fetch(`${gateway.url}${PATH}`)).text();
    rest.catch(() => {});
    await stopGateways();
    await expect(rest).rejects.toThrow();
  });
});
