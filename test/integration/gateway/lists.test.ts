// The two lists of the design document (5.2), and how they travel.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';

let { rows, gateway, get, register, next } = {} as GatewayApi;
eachWithGateway((opened) => ({ rows, gateway, get, register, next } = opened));

/** As it comes over the wire. */
async function raw(encoding: string) {
  const asked = request(`${gateway.url}/api/v1/admin/devices`, { headers: { 'accept-encoding': encoding } });
  const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage];
  return { encoding: answer.headers['content-encoding'], body: await buffer(answer) };
}

describe('the lists of the design document', () => {
  it('attempts: the newest first, in parts by keyset', async () => {
    await register();
    const ids = [await rows.task({ task_type: 'noop' }), await rows.task({ task_type: 'noop' })];
    await next('d1', '&limit=2');
    const first = (await get('/admin/tasks/assignments?limit=1&device_id=d1&status=assigned')).json;
    expect(first.assignments).toMatchObject([{ task_id: ids[1], status: 'assigned', started_at: null, attempt: 1 }]);
    const rest = await get(`/admin/tasks/assignments?after=${first.next}`);
    expect(rest.json).toMatchObject({ assignments: [{ task_id: ids[0] }], next: null });
    expect((await get('/admin/tasks/assignments?status=failed')).status).toBe(400);
  });

  it('gzip and br, both ways', async () => {
    for (let n = 0; n < 10; n += 1) await register(`worker-${n}`);
    const plain = await raw('identity');
    expect(plain.encoding).toBeUndefined();
    for (const [encoding, read] of Object.entries({ gzip: gunzipSync, br: brotliDecompressSync })) {
      const { encoding: used, body } = await raw(encoding);
      expect([used, JSON.parse(read(body).toString()).devices.length]).toEqual([encoding, 11]);
      expect(body.length).toBeLessThan(plain.body.length / 2);
    }
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json' };
    const send = async (body: Buffer) =>
      (await get('/devices/register', { method: 'POST', headers, body: new Uint8Array(body) })).status;
    expect(await send(gzipSync('{"device_id":"worker-gzip","capabilities":{}}'))).toBe(200);
    expect(await send(Buffer.from('no gzip'))).toBe(400);
  });
});
