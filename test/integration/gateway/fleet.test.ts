// Devices, leader, lanes, settings and the state of the fleet over HTTP. The shapes of the answers: http-page.test.ts.
import { describe, expect } from 'vitest';
import { devicesAnswer, mapAnswer } from '../../../src/http/fleet-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';

let { session, names, rows, get, post, put } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, rows, get, post, put } = opened));

describe('GET /devices', () => {
  const listed = async (query: string) => {
    const { json } = await get(`/devices?${query}`);
    expectDescribed(devicesAnswer, json);
    return json;
  };
  const ids = (json: { devices: Array<{ device_id: string }> }) => json.devices.map((one) => one.device_id);

  it('goes through the devices that fit, page by page, in the order of their ids', async () => {
    await rows.worker('w2', { operator_state: 'paused', capabilities: '{"supported_tasks":["other"]}' });
    await rows.device({ device_id: 'w3', silent_s: 600 });
    for (const id of ['w1', 'x']) await rows.worker(id, { region: 'eu' });
    const first = await listed('device_type=worker&limit=2');
    const second = await listed(`device_type=worker&limit=2&cursor=${first.cursor}`);
    expect([ids(first), ids(second), second.cursor]).toEqual([['w1', 'w2'], ['w3', 'x'], null]);
    for (const [query, ...expected] of [
      ['device_id=w', 'w1', 'w2', 'w3'],
      // Signs of patterns are as they are.
      ['device_id=_'],
      ['region=eu', 'w1', 'x'],
      ['operator_state=paused', 'w2'],
      ['task_type=other', 'w2'],
      ['status=offline&device_type=worker', 'w3'],
      ['status=online&device_type=worker', 'w1', 'w2', 'x'],
    ])
      expect(ids(await listed(query!)), query).toEqual(expected);
    expect((await get('/devices?stat=x')).status).toBe(400);
  });

  it('finds what is rare page by page in many devices, bounded', async () => {
    const device = (n: number) => `('device-${n + 10_000}', 'd', 'worker', '10.0.0.1', 1)`;
    await session.write(
      `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port) VALUES ${Array.from({ length: 5600 }, (_, n) => device(n))}`,
    );
    await rows.worker('zz', { region: 'eu' });
    const first = await listed('region=eu&limit=10');
    expect(first).toMatchObject({ devices: [], searched_to: expect.stringContaining('device-') });
    const second = await listed(`region=eu&limit=10&cursor=${first.cursor}`);
    expect([ids(second), second.cursor, second.searched_to]).toEqual([['zz'], null, null]);
  });
});

describe('GET /devices/map', () => {
  it('has all devices by columns', async () => {
    await rows.worker('w1', { region: 'eu', max_concurrent_tasks: 4, over_limits: '["cpu"]' });
    const draining = { stuck: '[{"task_id":1,"task_type":"t"}]', operator_state: 'draining' };
    await rows.device({ device_id: 'w2', silent_s: 600, columns: draining });
    await rows.running('w1');
    const { json } = await get('/devices/map');
    expectDescribed(mapAnswer, json);
    const { columns } = json;
    const [n, silent] = ['w1', 'w2'].map((id) => columns.device_id.indexOf(id)) as [number, number];
    const word = (list: string, column: string, at: number) => json[list][columns[column][at]];
    expect([columns.slots[n], columns.running[n], columns.flags[n], columns.flags[silent]]).toEqual([4, 1, 1, 2]);
    expect([word('regions', 'region', n), word('device_types', 'device_type', n)]).toEqual(['eu', 'worker']);
    expect([n, silent].map((at) => word('statuses', 'status', at))).toEqual(['online', 'offline']);
    expect(word('operator_states', 'operator_state', silent)).toBe('draining');
  });
});

describe('an act on a device', () => {
  it.each([
    ['pause', 'paused', 'active'],
    ['resume', 'active', 'paused'],
    ['drain', 'draining', 'active'],
  ])('%s makes it %s, if it is as it was seen', async (act, state, before) => {
    await rows.worker('w1', { operator_state: before });
    const refused = await post(`/devices/w1/${act}`, { expect: { operator_state: 'quarantined' } });
    expect(refused).toMatchObject({ status: 409, json: { code: 'E_CONFLICT', data: { operator_state: before } } });
    const { json } = await post(`/devices/w1/${act}`, { expect: { operator_state: before } });
    expect(json).toMatchObject({ operator_state: state, previous: before, by: 'http 127.0.0.1' });
    expect((await get('/devices/w1')).json.device.operator_state).toBe(state);
    // The whole id alone.
    expect((await post(`/devices/w/${act}`)).status).toBe(404);
    expect((await post(`/devices/-/${act}`)).status).toBe(400);
  });

  it('removes one that is gone; one that holds tasks, only by force', async () => {
    const device = await rows.device({ device_id: 'w1', silent_s: 6000 });
    expect((await post('/devices/w1/remove', { expect: { operator_state: 'paused' } })).status).toBe(409);
    await insertAttempt(session, names, { device });
    expect((await post('/devices/w1/remove')).json).toMatchObject({ status: 409, code: 'E_CONFLICT' });
    expect((await post('/devices/w1/remove', { force: true })).json).toMatchObject({ removed: true, orphaned: 1 });
    expect((await post('/devices/w1/remove')).status).toBe(404);
  });
});

describe('the fleet', () => {
  it('has a leader, which steps down if it is the one that was seen', async () => {
    expect((await post('/leader/resign')).json).toMatchObject({ resigned: false, device_id: null });
    await rows.leader('w1', 3);
    expect((await get('/leader')).json.leader).toMatchObject({ device_id: 'w1', term: 3, failing: [] });
    for (const expected of [{ term: 2 }, { device_id: 'w2' }])
      expect((await post('/leader/resign', { expect: expected })).json).toMatchObject({ code: 'E_CONFLICT' });
    const { json } = await post('/leader/resign', { expect: { device_id: 'w1', term: 3 } });
    expect(json).toMatchObject({ resigned: true, device_id: 'w1', term: 3 });
    expect((await get('/leader')).json.leader.device_id).toBeNull();
  });

  it('has settings, which change all at once, if they are as they were seen', async () => {
    const shown = async (key: string) =>
      (await get('/settings')).json.settings.find((one: { key: string }) => one.key === key);
    const values = { 'master.max_retry_count': 5, 'load_balancer.min_score': 0.2 };
    const { json } = await put('/settings', { values, expect: { 'master.max_retry_count': null } });
    expect(json.changes).toEqual(Object.entries(values).map(([key, to]) => ({ key, from: null, to })));
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
    expect(await shown('master.max_retry_count')).toMatchObject({ value: 5, updated_by: 'http 127.0.0.1' });
    expect((await put('/settings', { values: { 'master.max_retry_count': 5 } })).json.changes).toEqual([]);
  });
});
