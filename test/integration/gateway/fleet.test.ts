// Devices, leader, lanes, settings and the state of the fleet over HTTP. The shapes of the answers: http-page.test.ts.
import { gzipSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { deviceAnswer, devicesAnswer, mapAnswer, overviewAnswer } from '../../../src/http/fleet-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import {
  insertAttempt,
  insertDevice,
  insertLeader,
  insertRunning,
  insertTask,
  insertWorker,
} from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';

let { session, names, get, post, put } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, get, post, put } = opened));

const stateOf = async (id: string) =>
  (await session.rows(`SELECT operator_state FROM ${names.device} WHERE device_id = ?`, [id]))[0]?.operator_state;

/** 0 to 9,999. */
const DIGIT = `(${Array.from({ length: 10 }, (_, n) => `SELECT ${n} AS n`).join(' UNION ALL ')})`;
const NUMBERS = `(SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n AS k FROM ${DIGIT} a, ${DIGIT} b, ${DIGIT} c, ${DIGIT} d) numbers`;

/** Workers that differ as those of a fleet do. */
async function many(n: number): Promise<void> {
  await session.write(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, operator_state, region, max_concurrent_tasks, last_heartbeat)
     SELECT CONCAT('device-', LPAD(k, 5, '0')), 'd', 'worker', '10.0.0.1', 1, ELT(1 + FLOOR(RAND(k) * 3), 'online', 'busy', 'offline'),
       IF(RAND(k + 1) < 0.1, 'paused', 'active'), ELT(1 + FLOOR(RAND(k + 2) * 5), 'a', 'b', 'c', 'd', NULL), 1 + FLOOR(RAND(k + 3) * 16), UTC_TIMESTAMP(3)
     FROM ${NUMBERS} WHERE k < ${n}`,
  );
}

describe('GET /devices', () => {
  const listed = async (query: string) => {
    const { status, json } = await get(`/devices?${query}`);
    expect(status, JSON.stringify(json)).toBe(200);
    expectDescribed(devicesAnswer, json);
    return json;
  };
  const ids = (json: { devices: Array<{ device_id: string }> }) => json.devices.map((one) => one.device_id);

  it('goes through the devices page by page, in the order of their ids', async () => {
    for (const id of ['w3', 'w1', 'w2', 'x']) await insertWorker(session, names, id);
    const first = await listed('device_type=worker&limit=2');
    const second = await listed(`device_type=worker&limit=2&cursor=${first.cursor}`);
    expect([ids(first), ids(second), second.cursor]).toEqual([['w1', 'w2'], ['w3', 'x'], null]);
    expect(ids(await listed('device_id=w'))).toEqual(['w1', 'w2', 'w3']);
    // Signs of patterns are as they are.
    expect(ids(await listed('device_id=_'))).toEqual([]);
  });

  it('takes every condition; a silent device is offline', async () => {
    await insertWorker(session, names, 'w1', { region: 'eu' });
    const capabilities = '{"supported_tasks":["other"]}';
    await insertWorker(session, names, 'w2', { operator_state: 'paused', capabilities });
    await insertDevice(session, names, { device_id: 'w3', silent_s: 600 });
    const of = async (query: string) => ids(await listed(`device_type=worker&${query}`));
    expect(await of('region=eu')).toEqual(['w1']);
    expect(await of('operator_state=paused')).toEqual(['w2']);
    expect(await of('task_type=other')).toEqual(['w2']);
    expect(await of('status=offline')).toEqual(['w3']);
    expect(await of('status=online')).toEqual(['w1', 'w2']);
    expect((await get('/devices?stat=x')).status).toBe(400);
  });

  it('finds what is rare page by page in many devices, bounded', async () => {
    await many(5600);
    await insertWorker(session, names, 'zz', { region: 'eu' });
    const first = await listed('region=eu&limit=10');
    expect(first).toMatchObject({ devices: [], searched_to: expect.stringContaining('device-') });
    const second = await listed(`region=eu&limit=10&cursor=${first.cursor}`);
    expect([ids(second), second.cursor, second.searched_to]).toEqual([['zz'], null, null]);
  });

  it('shows one with what it holds and its newest heartbeats, oldest first', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const { task_id } = await insertAttempt(session, names, { device });
    await session.write(
      `INSERT INTO ${names.heartbeat} (device_id, cpu_usage, active_tasks) VALUES ('w1', 10, 1), ('w1', 20, 1), ('w1', 30, 1)`,
    );
    const { json } = await get('/devices/w1?history=2');
    expectDescribed(deviceAnswer, json);
    expect(json.device).toMatchObject({
      device_id: 'w1',
      current_tasks: 1,
      assignments: [{ task_id: String(task_id) }],
      history: [{ cpu_usage: 20 }, { cpu_usage: 30 }],
      last_readings: { cpu_usage: 30 },
    });
    // The whole id alone.
    expect((await get('/devices/w')).status).toBe(404);
    expect((await get('/devices/-')).status).toBe(400);
  });

  it('shows rows of other programs, whatever is in them', async () => {
    const columns = { capabilities: '[1]', max_concurrent_tasks: -3, labels: '"x"', status: null };
    await insertDevice(session, names, { device_id: 'odd', columns });
    const { json } = await get('/devices?device_id=odd');
    expect(json.devices).toMatchObject([{ status: 'offline' }]);
    expect(json.devices[0].problems).not.toEqual([]);
    expect((await get('/devices/map')).status).toBe(200);
  });
});

describe('GET /devices/map', () => {
  it('has all devices by columns', async () => {
    await insertWorker(session, names, 'w1', { region: 'eu', max_concurrent_tasks: 4, over_limits: '["cpu"]' });
    const draining = { stuck: '[{"task_id":1,"task_type":"t"}]', operator_state: 'draining' };
    await insertDevice(session, names, { device_id: 'w2', silent_s: 600, columns: draining });
    await insertRunning(session, names, 'w1');
    const { json } = await get('/devices/map');
    expectDescribed(mapAnswer, json);
    const { columns } = json;
    const n = columns.device_id.indexOf('w1');
    const silent = columns.device_id.indexOf('w2');
    const word = (list: string, column: string, at: number) => json[list][columns[column][at]];
    expect([columns.slots[n], columns.running[n], columns.flags[n], columns.flags[silent]]).toEqual([4, 1, 1, 2]);
    expect(word('regions', 'region', n)).toBe('eu');
    expect(word('device_types', 'device_type', n)).toBe('worker');
    expect([n, silent].map((at) => word('statuses', 'status', at))).toEqual(['online', 'offline']);
    expect(word('operator_states', 'operator_state', silent)).toBe('draining');
  });

  it('has 10,000 devices in 50 KB, compressed', async () => {
    await many(10_000);
    const { json } = await get('/devices/map');
    expect(json.columns.device_id.length).toBeGreaterThan(10_000);
    expect(json.complete).toBe(true);
    expect(gzipSync(JSON.stringify(json)).length).toBeLessThan(50 * 1024);
  });
});

describe('an act on a device', () => {
  it.each([
    ['pause', 'paused'],
    ['resume', 'active'],
    ['drain', 'draining'],
  ])('%s makes it %s, if it is as it was seen', async (act, state) => {
    const before = state === 'active' ? 'paused' : 'active';
    await insertWorker(session, names, 'w1', { operator_state: before });
    const refused = await post(`/devices/w1/${act}`, { expect: { operator_state: 'quarantined' } });
    expect(refused).toMatchObject({ status: 409, json: { code: 'E_CONFLICT', data: { operator_state: before } } });
    expect(await stateOf('w1')).toBe(before);
    const { json } = await post(`/devices/w1/${act}`, { expect: { operator_state: before } });
    expect(json).toMatchObject({ operator_state: state, previous: before, by: 'http 127.0.0.1' });
    expect(await stateOf('w1')).toBe(state);
    expect((await post(`/devices/w1/${act}`)).status).toBe(200);
    expect((await post(`/devices/w/${act}`)).status).toBe(404);
  });

  it('removes one that is gone; one that is alive, only by force', async () => {
    await insertDevice(session, names, { device_id: 'w1', silent_s: 6000 });
    expect((await post('/devices/w1/remove', { expect: { operator_state: 'paused' } })).status).toBe(409);
    const { json } = await post('/devices/w1/remove');
    expect(json).toMatchObject({ device_id: 'w1', removed: true, orphaned: 0 });
    expect((await post('/devices/w1/remove')).status).toBe(404);
    const alive = await insertDevice(session, names, { device_id: 'w2', silent_s: 6000 });
    await insertAttempt(session, names, { device: alive });
    expect((await post('/devices/w2/remove')).json).toMatchObject({ status: 409, code: 'E_CONFLICT' });
    expect((await post('/devices/w2/remove', { force: true })).json).toMatchObject({ removed: true, orphaned: 1 });
  });
});

describe('the fleet', () => {
  it('in a few figures', async () => {
    await insertWorker(session, names, 'w1', { max_concurrent_tasks: 4, operator_state: 'paused' });
    await insertDevice(session, names, { device_id: 'w2', silent_s: 600 });
    await insertLeader(session, names, 'w1', 7);
    for (const status of ['failed', 'failed', 'pending']) await insertTask(session, names, { status });
    const { json } = await get('/overview');
    expectDescribed(overviewAnswer, json);
    expect(json).toMatchObject({
      tasks: { failed: { count: 2, exact: true }, pending: { count: 1, exact: true }, done: { count: 0, exact: true } },
      devices: { offline: 1, busy: 0, inactive: 1, slots: 4 },
      leader: { device_id: 'w1', term: 7 },
      overdue: { count: 0 },
    });
    expect(json.oldest_due_age).toBeGreaterThanOrEqual(0);
  });

  it('counts up to 10,000, and then says that there are more', async () => {
    await session.write(`INSERT INTO ${names.task} (task_type, status) SELECT 't', 'done' FROM ${NUMBERS}`);
    expect((await get('/tasks?status=done&limit=1')).json.total).toEqual({ count: 10_000, exact: true });
    await session.write(`INSERT INTO ${names.task} (task_type, status) VALUES ('t', 'done'), ('t', 'pending')`);
    expect((await get('/overview')).json.tasks.done).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?status=done&limit=1')).json.total).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?limit=1')).json.total).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?status=pending,waiting&limit=1')).json.total).toEqual({ count: 1, exact: true });
  });

  it('has lanes, with what waits in each', async () => {
    for (const priority of [5, 5, 9]) await insertTask(session, names, { priority });
    await insertTask(session, names, { task_type: 'other', required_capabilities: '{"proxy_support":true}' });
    const { json } = await get('/lanes');
    expect(json.complete).toBe(true);
    const counted = (count: number) => ({ count, exact: true });
    expect(json.lanes).toHaveLength(3);
    expect(json.lanes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ task_type: 'sync_data', priority: 5, pending: counted(2) }),
        expect.objectContaining({ task_type: 'sync_data', priority: 9, pending: counted(1) }),
        expect.objectContaining({ task_type: 'other', priority: 5, pending: counted(1) }),
      ]),
    );
  });

  it('has a leader, which steps down if it is the one that was seen', async () => {
    expect((await get('/leader')).json.leader.device_id).toBeNull();
    expect((await post('/leader/resign')).json).toMatchObject({ resigned: false, device_id: null });
    await insertLeader(session, names, 'w1', 3);
    const shown = await get('/leader');
    expect(shown.json.leader).toMatchObject({ device_id: 'w1', term: 3, failing: [] });
    for (const expected of [{ term: 2 }, { device_id: 'w2' }])
      expect((await post('/leader/resign', { expect: expected })).json).toMatchObject({ code: 'E_CONFLICT' });
    const { json } = await post('/leader/resign', { expect: { device_id: 'w1', term: 3 } });
    expect(json).toMatchObject({ resigned: true, device_id: 'w1', term: 3 });
    expect((await get('/leader')).json.leader.device_id).toBeNull();
  });

  it('has settings, which change all at once, if they are as they were seen', async () => {
    const shown = async (key: string) => {
      const { json } = await get('/settings');
      return json.settings.find((one: { key: string }) => one.key === key);
    };
    const values = { 'master.max_retry_count': 5, 'load_balancer.min_score': 0.2 };
    const { json } = await put('/settings', { values, expect: { 'master.max_retry_count': null } });
    expect(json.changes).toEqual(Object.entries(values).map(([key, to]) => ({ key, from: null, to })));
    expect(await shown('master.max_retry_count')).toMatchObject({ value: 5, updated_by: 'http 127.0.0.1' });
    const nine = { 'master.max_retry_count': 9 };
    for (const [body, expected, message] of [
      [{ values: nine, expect: { 'master.max_retry_count': 4 } }, 409, /master.max_retry_count is 5/],
      [{ values: { ...nine, 'load_balancer.strategy': 'best' } }, 400, /"best" is not a value/],
      [{ values: { 'worker.device_id': 'x' } }, 400, /not a fleet-wide setting/],
      [{ values: {}, expects: {} }, 400, /expects/],
    ] as const) {
      const answer = await put('/settings', body);
      expect([answer.status, answer.json.detail]).toEqual([expected, expect.stringMatching(message)]);
    }
    expect(await shown('master.max_retry_count')).toMatchObject({ value: 5 });
    expect((await put('/settings', { values: { 'master.max_retry_count': 5 } })).json.changes).toEqual([]);
  });
});
