// The same tasks are claimable for a worker of the database, a remote worker and a plain HTTP client, and each is given the same.
import { createHash } from 'node:crypto';
import { afterEach, expect } from 'vitest';
import { canonicalJson } from '../../../src/core/domain/text/canonical-json.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

afterEach(async () => {
  await stopWorkers();
  await stopGateways();
});

const KINDS = ['direct', 'remote', 'plain'] as const;
type Kind = (typeof KINDS)[number];

const ABLE = { cores: 4, browser: 'chrome', tools: ['adb', 'ffmpeg'], gpu: true, arm: false };
const requires = (value: unknown) => ({
  required_capabilities: typeof value === 'string' ? value : JSON.stringify(value),
});
const data = (value: unknown) => ({ task_data: JSON.stringify(value) });

/** What is in the row, and what becomes of it. What a device must have for a task: unit/core/domain/placement/eligible.test.ts. */
const TASKS: Array<[name: string, columns: Record<string, unknown>, becomes: 'done' | 'failed' | 'pending']> = [
  ['nothing', {}, 'done'],
  ['requires a list of something', requires(['gpu']), 'pending'],
  ['requires a number', requires('5'), 'done'],
  ['many cores', requires({ cores: 4.5 }), 'pending'],
  ['another browser', requires({ browser: 'firefox' }), 'pending'],
  ['what nobody has', requires({ wings: 1 }), 'pending'],
  ['a wish', requires({ region: { prefer: 'eu' } }), 'done'],
  ['an emoji', requires({ '浏览器 😀': '😀' }), 'pending'],
  ['4 MB', data({ text: 'x'.repeat(4 * 1024 * 1024) }), 'done'],
  ['texts', data({ emoji: '👩‍👩‍👧 😀', control: '\u0000\u0007\u001b[31m\r\n\u2028\u202e' }), 'done'],
  ['numbers', data({ large: 9007199254740991, tiny: 5e-324, negative: -0, deep: [[[[{}]]]] }), 'done'],
  ['a payload that is written twice', data('{"n":1}'), 'done'],
  ['a payload that is a list', { task_data: '[]' }, 'failed'],
  ['columns beside the payload', { username: '用户 😀', start_date: '2026-11-01', ...data({ app_id: 'b' }) }, 'done'],
  ['all that may be NULL', { priority: null, max_retry_count: null, execution_timeout: null, app_id: null }, 'done'],
  ['extremes', { priority: -2147483648, max_retry_count: 2147483647, execution_timeout: 2147483647 }, 'done'],
  ['the type in other letters', { task_type: 'T' }, 'pending'],
  ['not due', { next_run_at: '2037-01-01' }, 'pending'],
];

/** What a handler sees, in few bytes. */
const seen = (payload: unknown) => createHash('sha256').update(canonicalJson(payload)).digest('hex').slice(0, 16);

async function runAll(kind: Kind, { db }: Given, gateway: TestGateway): Promise<void> {
  if (kind !== 'plain') {
    const { ended } = startWorker(db, {
      ...(kind === 'remote' ? { gateways: [gateway.url] } : {}),
      mode: 'drain',
      handlers: { t: ({ task_data }) => ({ seen: seen(task_data) }) },
      worker: { max_concurrent_tasks: 3, capabilities: ABLE },
    });
    await ended;
    return;
  }
  const register = { device_id: 'w1', capabilities: { supported_tasks: ['t'], ...ABLE } };
  expect((await gateway.call('/api/v1/devices/register', register)).status).toBe(200);
  for (;;) {
    const { status, json } = await gateway.call('/api/v1/tasks/next?device_id=w1&wait=1');
    if (status === 204) return;
    const result = { device_id: 'w1', status: 'completed', result: { seen: seen(json.task_data) } };
    await gateway.call(`/api/v1/tasks/${json.task_id}/result`, result);
  }
}

it('odd tasks are claimed by a remote worker and a plain client as by a worker of the database, with the same payload', async ({
  given,
}) => {
  const { db, session, rows } = given;
  // A row that the server does not take is nobody's task.
  const tasks = TASKS.filter(([name]) => name !== '4 MB' || session.facts.maxAllowedPacket >= 8e6);
  const found = new Map<Kind, Record<string, unknown>>();
  for (const kind of KINDS) {
    const ids = new Map<string, number>();
    for (const [name, columns] of tasks) ids.set(name, await rows.task({ task_type: 't', ...columns }));
    await runAll(kind, given, await startGateway(db));
    await stopWorkers();
    await stopGateways();
    const became: Record<string, unknown> = {};
    for (const [name, id] of ids) {
      const attempts = await session.rows<{ result: string | null }>(
        `SELECT status, result, error_class FROM ${db.names.assignment} WHERE task_id = ?`,
        [id],
      );
      const ends = attempts.map(({ result, ...one }) => ({ ...one, result: JSON.parse(result ?? 'null') }));
      became[name] = [(await rows.readTask(id))!.status, ...ends];
    }
    found.set(kind, became);
    for (const one of ['task', 'assignment', 'device', 'lane'] as const)
      await session.write(`DELETE FROM ${db.names[one]}`);
  }
  const direct = found.get('direct')!;
  for (const [name, , becomes] of tasks)
    expect([name, direct[name]]).toEqual([name, expect.arrayContaining([becomes])]);
  for (const kind of ['remote', 'plain'] as const) expect(found.get(kind), kind).toEqual(direct);
});

/** The weights leave the success rate alone to decide. */
const BY_SUCCESS = {
  'load_balancer.strategy': '"weighted"',
  'load_balancer.min_score': '0.5',
  'load_balancer.weights.load_factor': '0',
  'load_balancer.weights.capability_match': '0',
  'load_balancer.weights.success_rate': '1',
  'load_balancer.weights.response_time': '0',
};

it.for(KINDS)(
  'min_score keeps a task from a device below it while a better one is online, but for what is directed at it (%s)',
  async (kind, { given }) => {
    const { db, session, rows } = given;
    // The better one sends no heartbeats.
    const master = { heartbeat_timeout: 60 };
    for (const [name, value] of Object.entries(BY_SUCCESS))
      await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES (?, ?)`, [name, value]);
    const capabilities = JSON.stringify({ supported_tasks: ['t'] });
    await rows.worker('good', { capabilities, success_rate: 0.9, max_concurrent_tasks: 5 });
    const gateway = await startGateway(db, { master });
    let heartbeats = async (_count: number): Promise<void> => {};
    const next = async () => (await gateway.call('/api/v1/tasks/next?device_id=w1&wait=1')).json?.task_id;
    if (kind === 'plain') {
      await gateway.call('/api/v1/devices/register', { device_id: 'w1', capabilities: { supported_tasks: ['t'] } });
    } else {
      const gateways = kind === 'remote' ? { gateways: [gateway.url] } : {};
      const worker = startWorker(db, { ...gateways, handlers: { t: () => 1 }, master });
      await once(worker.events, 'worker:started');
      heartbeats = async (count) => {
        for (let n = 0; n < count; n += 1) await once(worker.events, 'device:heartbeat');
      };
    }
    const rate = `UPDATE ${db.names.device} SET success_rate = 0.2 WHERE device_id = 'w1'`;
    expect(await session.write(rate)).toMatchObject({ affectedRows: 1 });
    await heartbeats(2);
    const runs = (id: number) =>
      until(
        async () => (kind === 'plain' ? (await next()) === id : (await rows.readTask(id))!.status === 'done'),
        PATIENCE_MS,
        `task ${id}`,
      );
    const id = await rows.task({ task_type: 't' });
    if (kind === 'plain') expect(await next()).toBeUndefined();
    await heartbeats(4);
    expect(await rows.readTask(id)).toMatchObject({ status: 'pending', attempt: 0 });
    await runs(await rows.task({ task_type: 't', status: 'assigned', target_device_id: 'w1' }));
    expect(await rows.readTask(id)).toMatchObject({ status: 'pending', attempt: 0 });
    await session.write(`UPDATE ${db.names.device} SET status = 'offline' WHERE device_id = 'good'`);
    await runs(id);
  },
);
