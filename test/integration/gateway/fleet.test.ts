// Devices, leader, lanes, settings and the state of the fleet over HTTP.
import { gzipSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import {
  deviceActAnswer,
  deviceAnswer,
  devicesAnswer,
  lanesAnswer,
  leaderAnswer,
  mapAnswer,
  overviewAnswer,
  removeAnswer,
  resignAnswer,
  settingsAnswer,
  settingsChanged,
  statusAnswer,
} from '../../../src/http/fleet-contract.ts';
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
import { until } from '../../helpers/wait.ts';

let { db, session, names, gateway, get, post, put } = {} as GatewayApi;
eachWithGateway((opened) => ({ db, session, names, gateway, get, post, put } = opened));

const stateOf = async (id: string) =>
  (await session.rows(`SELECT operator_state FROM ${names.device} WHERE device_id = ?`, [id]))[0]?.operator_state;

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
    await insertWorker(session, names, 'w2', {
      operator_state: 'paused',
      capabilities: '{"supported_tasks":["other"]}',
    });
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

  it('answers 304 to a client that has the list', async () => {
    await insertWorker(session, names, 'w1');
    const tag = (await get('/devices?device_id=w')).headers.get('etag')!;
    expect((await get('/devices?device_id=w', { headers: { 'if-none-match': tag } })).status).toBe(304);
    await session.write(`UPDATE ${names.device} SET operator_state = 'paused' WHERE device_id = 'w1'`);
    expect((await get('/devices?device_id=w', { headers: { 'if-none-match': tag } })).status).toBe(200);
  });

  it('shows one with what it holds and its newest heartbeats, oldest first', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const { task_id } = await insertAttempt(session, names, { device });
    for (const cpu of [10, 20, 30])
      await session.write(`INSERT INTO ${names.heartbeat} (device_id, cpu_usage, active_tasks) VALUES ('w1', ?, 1)`, [
        cpu,
      ]);
    const { status, json } = await get('/devices/w1?history=2');
    expect(status).toBe(200);
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
    await insertDevice(session, names, {
      device_id: 'odd',
      columns: { capabilities: '[1]', max_concurrent_tasks: -3, labels: '"x"', status: null },
    });
    const { status, json } = await get('/devices?device_id=odd');
    expect([status, json.devices[0].status]).toEqual([200, 'offline']);
    expect(json.devices[0].problems).not.toEqual([]);
    expect((await get('/devices/map')).status).toBe(200);
  });
});

describe('GET /devices/map', () => {
  it('has all devices by columns', async () => {
    await insertWorker(session, names, 'w1', { region: 'eu', max_concurrent_tasks: 4, over_limits: '["cpu"]' });
    await insertDevice(session, names, {
      device_id: 'w2',
      silent_s: 600,
      columns: { stuck: '[{"task_id":1,"task_type":"t"}]', operator_state: 'draining' },
    });
    await insertRunning(session, names, 'w1');
    const { json } = await get('/devices/map');
    expectDescribed(mapAnswer, json);
    const { columns } = json;
    const n = columns.device_id.indexOf('w1');
    const word = (list: string, column: string, at: number) => json[list][columns[column][at]];
    expect([columns.slots[n], columns.running[n], columns.flags[n]]).toEqual([4, 1, 1]);
    expect([
      word('statuses', 'status', n),
      word('regions', 'region', n),
      word('device_types', 'device_type', n),
    ]).toEqual(['online', 'eu', 'worker']);
    const silent = columns.device_id.indexOf('w2');
    expect([
      word('statuses', 'status', silent),
      word('operator_states', 'operator_state', silent),
      columns.flags[silent],
    ]).toEqual(['offline', 'draining', 2]);
  });

  it('has 10,000 devices in 50 KB, compressed', async () => {
    await many(10_000);
    const { json } = await get('/devices/map');
    expect(json.columns.device_id.length).toBeGreaterThan(10_000);
    expect(json.complete).toBe(true);
    expect(gzipSync(JSON.stringify(json)).length).toBeLessThan(50 * 1024);
  });
});

/** Workers that differ as those of a fleet do. */
async function many(n: number): Promise<void> {
  const digit =
    '(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  await session.write(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, operator_state, region, max_concurrent_tasks, last_heartbeat)
     SELECT CONCAT('device-', LPAD(k, 5, '0')), 'd', 'worker', '10.0.0.1', 1, ELT(1 + FLOOR(RAND(k) * 3), 'online', 'busy', 'offline'),
       IF(RAND(k + 1) < 0.1, 'paused', 'active'), ELT(1 + FLOOR(RAND(k + 2) * 5), 'a', 'b', 'c', 'd', NULL), 1 + FLOOR(RAND(k + 3) * 16), UTC_TIMESTAMP(3)
     FROM (SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n AS k FROM ${digit} a, ${digit} b, ${digit} c, ${digit} d) numbers WHERE k < ${n}`,
  );
  await session.write(
    `INSERT INTO ${names.assignment} (task_id, attempt, device_id, claim_token, status)
     SELECT 1000000 + id, 1, device_id, '', 'running' FROM ${names.device} WHERE RAND(id) < 0.5 AND device_type = 'worker'`,
  );
}

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
    const { status, json } = await post(`/devices/w1/${act}`, { expect: { operator_state: before } });
    expect(status).toBe(200);
    expectDescribed(deviceActAnswer, json);
    expect(json).toMatchObject({ operator_state: state, previous: before, by: 'http 127.0.0.1' });
    expect(await stateOf('w1')).toBe(state);
    expect((await post(`/devices/w1/${act}`)).status).toBe(200);
    expect((await post(`/devices/w/${act}`)).status).toBe(404);
  });

  it('removes one that is gone; one that is alive, only by force', async () => {
    await insertDevice(session, names, { device_id: 'w1', silent_s: 6000 });
    expect((await post('/devices/w1/remove', { expect: { operator_state: 'paused' } })).status).toBe(409);
    const { json } = await post('/devices/w1/remove');
    expectDescribed(removeAnswer, json);
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

  it('is read once a second, however many ask, and says when', async () => {
    let reads = 0;
    const { requests } = gateway.gateway;
    const use = requests.use.bind(requests);
    requests.use = (work) => {
      reads += 1;
      return use(work);
    };
    const all = await Promise.all(Array.from({ length: 500 }, () => get('/overview')));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    // The requests took longer than a second, perhaps.
    const times = new Set(all.map(({ json }) => json.as_of));
    expect(reads).toBe(times.size);
    expect(reads).toBeLessThan(20);
    for (const { json } of all) expect(Date.parse(json.now)).toBeGreaterThanOrEqual(Date.parse(json.as_of));
    // What is new is seen when the second is over.
    await insertTask(session, names);
    await until(async () => (await get('/overview')).json.tasks.pending.count === 1);
  });

  it('counts up to 10,000, and then says that there are more', async () => {
    const digit =
      '(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
    await session.write(
      `INSERT INTO ${names.task} (task_type, status) SELECT 't', 'done' FROM ${digit} a, ${digit} b, ${digit} c, ${digit} d`,
    );
    expect((await get('/tasks?status=done&limit=1')).json.total).toEqual({ count: 10_000, exact: true });
    await session.write(`INSERT INTO ${names.task} (task_type, status) VALUES ('t', 'done'), ('t', 'pending')`);
    expect((await get('/overview')).json.tasks.done).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?status=done&limit=1')).json.total).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?limit=1')).json.total).toEqual({ count: 10_000, exact: false });
    expect((await get('/tasks?status=pending,waiting&limit=1')).json.total).toEqual({ count: 1, exact: true });
  });

  it('says whether all is well, as `afd status`', async () => {
    await insertDevice(session, names, { device_id: 'w1', silent_s: 600 });
    const { json } = await get('/status');
    expectDescribed(statusAnswer, json);
    expect(json).toMatchObject({ well: false, problems: [expect.stringContaining('no recent heartbeat from w1')] });
  });

  it('has lanes, with what waits in each', async () => {
    for (const priority of [5, 5, 9]) await insertTask(session, names, { priority });
    await insertTask(session, names, { task_type: 'other', required_capabilities: '{"proxy_support":true}' });
    const { json } = await get('/lanes');
    expectDescribed(lanesAnswer, json);
    expect(json.complete).toBe(true);
    const found = json.lanes.map((one: { task_type: string; priority: number; pending: unknown }) => [
      one.task_type,
      one.priority,
      one.pending,
    ]);
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        ['sync_data', 5, { count: 2, exact: true }],
        ['sync_data', 9, { count: 1, exact: true }],
        ['other', 5, { count: 1, exact: true }],
      ]),
    );
  });

  it('has a leader, which steps down if it is the one that was seen', async () => {
    expect((await get('/leader')).json.leader.device_id).toBeNull();
    expect((await post('/leader/resign')).json).toMatchObject({ resigned: false, device_id: null });
    await insertLeader(session, names, 'w1', 3);
    const shown = await get('/leader');
    expectDescribed(leaderAnswer, shown.json);
    expect(shown.json.leader).toMatchObject({ device_id: 'w1', term: 3, failing: [] });
    for (const expected of [{ term: 2 }, { device_id: 'w2' }])
      expect((await post('/leader/resign', { expect: expected })).json).toMatchObject({
        status: 409,
        code: 'E_CONFLICT',
      });
    const { json } = await post('/leader/resign', { expect: { device_id: 'w1', term: 3 } });
    expectDescribed(resignAnswer, json);
    expect(json).toMatchObject({ resigned: true, device_id: 'w1', term: 3 });
    expect((await get('/leader')).json.leader.device_id).toBeNull();
  });

  it('has settings, which change all at once, if they are as they were seen', async () => {
    const shown = async (key: string) => {
      const { json } = await get('/settings');
      expectDescribed(settingsAnswer, json);
      return json.settings.find((one: { key: string }) => one.key === key);
    };
    const values = { 'master.max_retry_count': 5, 'load_balancer.min_score': 0.2 };
    const { status, json } = await put('/settings', { values, expect: { 'master.max_retry_count': null } });
    expect(status, JSON.stringify(json)).toBe(200);
    expectDescribed(settingsChanged, json);
    expect(json.changes).toEqual([
      { key: 'master.max_retry_count', from: null, to: 5 },
      { key: 'load_balancer.min_score', from: null, to: 0.2 },
    ]);
    expect(await shown('master.max_retry_count')).toMatchObject({ value: 5, updated_by: 'http 127.0.0.1' });
    const refused: Array<[unknown, number, RegExp]> = [
      [
        { values: { 'master.max_retry_count': 9 }, expect: { 'master.max_retry_count': 4 } },
        409,
        /master.max_retry_count is 5/,
      ],
      [
        { values: { 'master.max_retry_count': 9, 'load_balancer.strategy': 'best' } },
        400,
        /"best" is not a value of load_balancer.strategy/,
      ],
      [{ values: { 'worker.device_id': 'x' } }, 400, /not a fleet-wide setting/],
      [{ values: {}, expects: {} }, 400, /expects/],
    ];
    for (const [body, expected, message] of refused) {
      const answer = await put('/settings', body);
      expect([answer.status, answer.json.detail]).toEqual([expected, expect.stringMatching(message)]);
    }
    expect(await shown('master.max_retry_count')).toMatchObject({ value: 5 });
    expect((await put('/settings', { values: { 'master.max_retry_count': 5 } })).json.changes).toEqual([]);
  });
});
