// The protocol of remote workers, call by call (src/http/device-contract.ts). Whole workers: test/integration/remote.
import { deflateRawSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi, hex } from '../../helpers/gateway-api.ts';

let { session, names, rows, gateway, get, post, count, register: registered } = {} as GatewayApi;
let instance_token: string;
eachWithGateway((opened) => ({ session, names, rows, gateway, get, post, count, register: registered } = opened));
it.beforeEach(async () => {
  instance_token = hex();
  expect(await register()).toMatchObject({ status: 200, json: { instance_token } });
});

const register = (more: Record<string, unknown> = {}) =>
  registered('r1', { remote: true, version: '0.0.0-test', host_name: 'far', pid: 7, instance_token, ...more });
const call = async (path: string, body: object, device = 'r1') => post(`/devices/${device}/${path}`, body);
const wait = async (after = '') =>
  (await get(`/devices/r1/wait?instance_token=${instance_token}&seconds=20&free=10&held=1${after}`)).json;

type Claimed = { id: number; attempt: number; assignment_id: number | null; task_data: unknown };
/** Of all that is due, after these ends. */
async function exchange({ finishes = [] as object[], defer = false } = {}) {
  await gateway.gateway.devices.reads.fresh();
  const claim_token = hex();
  const claim = { claim_token, limit: 10, free: 10, types: { noop: { now: 10, later: 0, defer } } };
  const { status, json } = await call('exchange', { instance_token, finishes, claim });
  return { status, json, claim_token, claimed: json.claimed as Claimed[] };
}
const done = ({ id, attempt, assignment_id }: Claimed, claim_token: string, enqueue: object[] = []) => ({
  ...{ task_id: id, task_type: 'noop', attempt: attempt + 1, assignment_id, claim_token, age_ms: 5 },
  outcome: { kind: 'done', result: { n: 1 }, enqueue },
});
const kinds = (json: { reconciled: Array<{ kind: string }> }) => json.reconciled.map((one) => one.kind);

describe('a remote worker', () => {
  it('hears of work, claims it and reports its end in one exchange', async () => {
    const first = await wait();
    expect(first).toMatchObject({ work: false, device: { operator_state: 'active', status: 'online' }, open: [] });
    const ids = [await rows.task({ task_type: 'noop' }), await rows.task({ task_type: 'noop' })];
    expect(await wait(`&after=${encodeURIComponent(first.cursor)}`)).toMatchObject({ work: true });
    const { json, claimed, claim_token } = await exchange({ defer: true });
    expect(json).toMatchObject({ permission: 'open', reconciled: [] });
    expect(claimed.map((one) => one.id)).toEqual(ids);
    expect(claimed[0]).toMatchObject({ deferred: true, assignment_id: null, attempt: 0 });
    const recovered = await call('recover', { instance_token, tokens: [claim_token, hex()] });
    expect(recovered.json.claimed).toMatchObject(ids.map((id) => ({ id, claim_token })));
    const finishes = claimed.map((one) => done(one, claim_token)).reverse();
    expect((await exchange({ finishes })).json.reconciled).toEqual(
      [1, 2].map(() => ({ kind: 'accepted', task_status: 'done', assignment_status: 'completed' })),
    );
    expect(kinds((await exchange({ finishes })).json)).toEqual(['committed', 'committed']);
    expect(await count(`${names.assignment} WHERE status = 'completed' AND device_id = 'r1'`)).toBe(2);
  });

  it('registers once for each instance, is refused while another has the id, and closes what the one before left', async () => {
    const running = { status: 409, json: { code: 'E_DEVICE_RUNNING' } };
    expect((await register()).json.instance_token).toBe(instance_token);
    expect(await register({ instance_token: hex() })).toMatchObject(running);
    expect(await post('/devices/register', { device_id: 'R1' })).toMatchObject(running);
    expect(await get('/tasks/next?device_id=r1')).toMatchObject(running);
    const task_id = await rows.task({ task_type: 'noop' });
    await exchange();
    await call('sign-off', { instance_token });
    const former = instance_token;
    instance_token = hex();
    await register();
    expect(await call('exchange', { instance_token: former, finishes: [] })).toMatchObject({
      ...{ status: 409, json: { code: 'E_SUPERSEDED' } },
    });
    expect((await exchange()).claimed).toMatchObject([{ id: task_id, attempt: 1 }]);
  });

  it('gives rows to deferred claims that go on, writes that attempts run, and hears who revoked one', async () => {
    const task_id = await rows.task({ task_type: 'noop' });
    const { claim_token } = await exchange({ defer: true });
    const deferred = [claim_token, hex()].map((token) => ({ task_id, claim_token: token }));
    const [{ assignment_id }, ...others] = (await call('starts', { deferred })).json.materialized;
    expect(others).toEqual([]);
    const starts = [assignment_id, 999_999].map((id) => ({
      assignment_id: id,
      claim_token,
      age_ms: 1500,
      lease_s: 60,
    }));
    expect((await call('starts', { starts })).json.lost).toEqual([999_999]);
    const beat = await call('heartbeat', { instance_token, status: 'busy' });
    const open = { task_id, assignment_id, claim_token, revoked: false };
    expect(beat.json).toMatchObject({ device: { status: 'busy' }, open: [open] });
    await session.write(`UPDATE ${names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoked_by = 'ann'`);
    expect((await wait()).open).toMatchObject([{ task_id, revoked: true, revoked_by: 'ann' }]);
  });

  it('reads and stores what is of a task that it holds, and of no other', async () => {
    const task_data = JSON.stringify({ text: 'x'.repeat(50_000) });
    const task_id = await rows.task({ task_type: 'noop', task_data });
    const { claim_token, claimed } = await exchange();
    expect(claimed).toMatchObject([{ id: task_id, task_data: null }]);
    await register({ device_id: 'r2', instance_token: hex() });
    const [mine, other] = [
      { task_id, claim_token },
      { task_id, claim_token: hex() },
    ];
    const row = { progress: { done: 3, total: 10, message: 'reading' }, metrics: '{"rows":3}' };
    const body = deflateRawSync('line').toString('base64');
    const piece = { task_id, attempt: 1, from_byte: 0, to_byte: 5, line_count: 1, body };
    const value = '{"at":3}';
    const left = { task_id, attempt: 1 };
    for (const [path, sent, expected, device] of [
      ['payload', mine, { held: true }],
      ['payload', other, { held: false, task_data: null }],
      ['progress', { rows: [{ ...mine, ...row }] }, { count: expect.toSatisfy((n: number) => n > 0) }],
      ['progress', { rows: [{ ...other, ...row }] }, { count: 0 }],
      ['progress', { rows: [{ ...mine, ...row, metrics: '{' }] }, { status: 400 }],
      ['checkpoints', { ...mine, value }, { held: true }],
      ['checkpoints', { ...other, value }, { held: false }],
      ['checkpoints/read', { task_ids: [task_id] }, { checkpoints: [{ task_id, value }] }],
      ['checkpoints/read', { task_ids: [task_id] }, { checkpoints: [] }, 'r2'],
      ['checkpoints/delete', left, { deleted: 0 }, 'r2'],
      ['checkpoints/delete', left, { deleted: 1 }],
      ['logs', { pieces: [piece] }, { left_out: [left] }, 'r2'],
      ['logs', { pieces: [piece, { ...piece, task_id: 999_999 }] }, { left_out: [{ ...left, task_id: 999_999 }] }],
      ['logs/written', { attempts: [left] }, { written: [{ ...left, to_byte: 5 }] }],
    ] as Array<[string, object, object, string?]>)
      expect([path, (await call(path, sent, device)).json]).toMatchObject([path, expected]);
    expect(await count(names.log)).toBe(1);
  });

  it('delivers ends of an earlier process, each once, with their follow-up tasks', async () => {
    const [kept, lost] = [await rows.task({ task_type: 'noop' }), await rows.task({ task_type: 'noop' })];
    const { claim_token, claimed } = await exchange({ defer: true });
    await session.write(
      `UPDATE ${names.task} SET claim_token = NULL, status = 'pending', claimed_by = NULL WHERE id = ?`,
      [lost],
    );
    const of = (enqueue: object[]) => claimed.map((one) => done(one, claim_token, enqueue));
    const deliver = (finishes: object[]) => call('deliver', { instance_token, finishes });
    expect((await deliver(of([{ no: 'type' }]))).status).toBe(400);
    const finishes = of([{ task_type: 'noop', dedupe_key: 'follow-up' }]);
    expect((await deliver([finishes[0]!, finishes[0]!])).status).toBe(400);
    expect(kinds((await deliver(finishes)).json)).toEqual(['accepted', 'lost']);
    expect(kinds((await deliver(finishes)).json)).toEqual(['committed', 'lost']);
    expect(await count(`${names.task} WHERE dedupe_key = 'follow-up' AND parent_id = ${kept}`)).toBe(1);
  });
});
