// The two lists of the design document (5.2), and how they travel.

import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

let given: Given;
let gateway: TestGateway;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db);
});
afterEach(stopGateways);

const device = (device_id: string) => ({ device_id, capabilities: { supported_tasks: ['noop'] } });

/** As it comes over the wire. */
async function raw(encoding: string): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  const asked = request(`${gateway.url}/api/v1/admin/devices`, { headers: { 'accept-encoding': encoding } });
  const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage];
  return { headers: answer.headers, body: await buffer(answer) };
}

describe('the lists of the design document', () => {
  it('devices: each with the keys of the document, in parts by keyset', async () => {
    for (const id of ['worker-002', 'worker-001']) await gateway.call('/api/v1/devices/register', device(id));
    const { json } = await gateway.call('/api/v1/admin/devices');
    const workers = json.devices.filter((one: { device_type: string }) => one.device_type === 'worker');
    expect(workers.map((one: { device_id: string }) => one.device_id)).toEqual(['worker-001', 'worker-002']);
    expect(workers[0]).toMatchObject({
      ...{ device_id: 'worker-001', device_name: 'worker-001', status: 'online', current_tasks: 0 },
      last_heartbeat: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      via: gateway.gateway.deviceId,
    });
    expect(json.next).toBeNull();
    const first = await gateway.call('/api/v1/admin/devices?limit=1');
    expect(first.json.devices).toHaveLength(1);
    const rest = await gateway.call(`/api/v1/admin/devices?after=${first.json.next}`);
    expect(rest.json.devices).toHaveLength(json.devices.length - 1);
  });

  it('attempts: the newest first, in parts by keyset', async () => {
    await gateway.call('/api/v1/devices/register', device('worker-001'));
    const ids = [await given.rows.task({ task_type: 'noop' }), await given.rows.task({ task_type: 'noop' })];
    await gateway.call('/api/v1/tasks/next?device_id=worker-001&limit=2');
    const { json } = await gateway.call('/api/v1/admin/tasks/assignments');
    expect(json.assignments.map((one: { task_id: number }) => one.task_id)).toEqual([...ids].reverse());
    const newest = { device_id: 'worker-001', status: 'assigned', started_at: null, attempt: 1 };
    expect(json.assignments[0]).toMatchObject(newest);
    const first = await gateway.call('/api/v1/admin/tasks/assignments?limit=1&device_id=worker-001&status=assigned');
    expect(first.json.assignments).toHaveLength(1);
    const rest = await gateway.call(`/api/v1/admin/tasks/assignments?after=${first.json.next}`);
    expect(rest.json).toMatchObject({ assignments: [{ task_id: ids[0] }], next: null });
    expect((await gateway.call('/api/v1/admin/tasks/assignments?status=failed')).status).toBe(400);
  });

  it('gzip and br, both ways', async () => {
    for (let n = 0; n < 10; n += 1) await gateway.call('/api/v1/devices/register', device(`worker-${n}`));
    const plain = await raw('identity');
    expect(plain.headers['content-encoding']).toBeUndefined();
    for (const [encoding, read] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      const { headers, body } = await raw(encoding);
      expect(headers['content-encoding']).toBe(encoding);
      expect(JSON.parse(read(body).toString()).devices).toHaveLength(JSON.parse(plain.body.toString()).devices.length);
      expect(body.length).toBeLessThan(plain.body.length / 2);
    }
    const register = (body: Buffer) => {
      const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json' };
      return gateway.call('/api/v1/devices/register', undefined, {
        method: 'POST',
        body: new Uint8Array(body),
        headers,
      });
    };
    expect((await register(gzipSync(JSON.stringify(device('worker-gzip'))))).status).toBe(200);
    expect((await register(Buffer.from('no gzip'))).status).toBe(400);
  });
});
