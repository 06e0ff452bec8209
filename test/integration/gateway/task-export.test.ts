// Exports over HTTP: whole, as fast as the client reads, and without a session for one that does not.
import { connect } from 'node:net';
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

let session: Session;
let names: TableNames;
let gateway: TestGateway;

it.beforeEach(async ({ db, given }) => {
  session = given.session;
  names = db.names;
  gateway = await startGateway(db);
});
afterEach(stopGateways);

const PATH = '/api/v1/tasks/results/export';
const exported = async (query = '') => {
  const response = await fetch(`${gateway.url}${PATH}?${query}`);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

/** 20,000 tasks with some kilobytes each. */
async function fill(): Promise<void> {
  const digit =
    '(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  for (let n = 0; n < 2; n += 1)
    await session.write(
      `INSERT INTO ${names.task} (task_type, status, task_data) SELECT 't', 'done', CONCAT('{"a":"', REPEAT('x', 2000), '"}') FROM ${digit} a, ${digit} b, ${digit} c, ${digit} d`,
    );
}

describe('an export', () => {
  it('has a line for each task that fits, oldest first, with its result', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const done = await insertTask(session, names, { status: 'done', attempt: 1, task_type: 'u' });
    await insertAttempt(session, names, {
      device,
      task_id: done,
      columns: { status: 'completed', result: '{"rows":2}' },
    });
    const waits = await insertTask(session, names);
    const { type, text } = await exported();
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(type).toMatch(/^application\/x-ndjson/);
    expect(lines).toMatchObject([
      { task_id: done, result: { rows: 2 } },
      { task_id: waits, result: null },
    ]);
    const csv = await exported('format=csv&task_type=u');
    expect(csv.type).toMatch(/^text\/csv/);
    expect(csv.text.trim().split('\r\n')).toMatchObject([
      expect.stringMatching(/^task_id,task_type/),
      expect.stringMatching(/^\d+,u,done/),
    ]);
    expect((await exported('status=failed')).text).toBe('');
  });

  it('that cannot begin is an answer with a problem', async () => {
    for (const [query, expected] of [
      ['status=lost', 400],
      ['device_id=nobody', 404],
      ['form=csv', 400],
    ] as const) {
      const { status, type, text } = await exported(query);
      expect([status, type], query).toEqual([expected, 'application/problem+json']);
      expect(JSON.parse(text).status).toBe(expected);
    }
  });

  it('of many tasks is complete', async () => {
    await fill();
    const { text } = await exported();
    const ids = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).task_id);
    expect(new Set(ids).size).toBe(20_000);
  });

  it('holds no session and stops reading while its client does not read, and ends when the client goes', async () => {
    await fill();
    const sockets = await Promise.all(Array.from({ length: 4 }, () => unread()));
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
    for (const one of sockets) one.destroy();
    await until(async () => (await exported('status=failed')).status === 200);
  });

  it('that breaks off does not look complete', async () => {
    await fill();
    const response = await fetch(`${gateway.url}${PATH}`);
    const reader = response.body!.getReader();
    await reader.read();
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    rest.catch(() => {});
    await stopGateways();
    await expect(rest).rejects.toThrow();
  });
});

async function unread() {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => socket.once('readable', resolve));
  socket.pause();
  return socket;
}
